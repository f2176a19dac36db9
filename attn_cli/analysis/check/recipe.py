"""Recipe: weights computed again in float64, right or with one mistake, and how far rounding may carry them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from attn_cli.core.ops import softmax
from attn_cli.trace.trace import Array

EVERY = slice(None)
FEW = 64  # rows that are tried first
STEEP = 30.0  # beyond e³⁰ any weight is within its rounding


@dataclass(frozen=True, eq=False)
class Recipe:
    """How weights come from `base`, scores (head, query, key) known up to ± `slack`.

    `left` (head, query), known up to ± `doubt`, is what a sink leaves to the keys; `late` masks after softmax.
    """

    base: Array
    slack: Array
    relative: float
    factor: float = 1.0
    cap: float | None = None
    bias: Array | None = None
    hidden: Array | None = None
    sinks: Array | None = None
    left: Array | None = None
    doubt: float = 0.0
    over: Literal["keys", "queries", "heads", "all"] = "keys"
    late: bool = False

    def only(self, places: list[int], rows: slice = EVERY) -> "Recipe":
        """The recipe of some heads and rows alone; rows only where softmax runs over keys."""
        cut: dict[str, Any] = {"base": self.base[places][:, rows]}
        for name in ("slack", "bias", "hidden"):  # which all heads may share
            if (array := getattr(self, name)) is None or not array.ndim:
                continue
            cut[name] = array[rows] if array.ndim == 2 else (array[places] if len(array) > 1 else array)[:, rows]
        if self.sinks is not None:
            cut["sinks"] = self.sinks[places]
        if self.left is not None:
            cut["left"] = self.left[places][:, rows]
        return replace(self, **cut)

    def logits(self) -> tuple[Array, Array]:
        """What softmax runs on, and how far it may be off."""
        scores, slack = self.base * self.factor, self.slack * abs(self.factor)
        if self.cap is not None:
            scores = self.cap * np.tanh(scores / self.cap)
        if self.bias is not None:
            scores = scores + self.bias
        if self.hidden is not None and not self.late:
            scores = np.where(self.hidden, -np.inf, scores)
        return scores, np.where(np.isneginf(scores), 0.0, slack + self.relative * abs(scores))

    def weights(self) -> tuple[Array, Array]:
        """The weights, and how far they may be off: a row's errors move all of its weights."""
        scores, slack = self.logits()
        weights = _softened(scores, self.over, None if self.over != "keys" else self.sinks)
        drift = np.minimum(slack + (weights * slack).sum(axis=-1, keepdims=True), STEEP)
        # What a sink leaves is 1 minus its share, and so as inexact as 1.
        rounding = weights * (self.relative + self.doubt)
        if self.left is not None:
            weights = weights * self.left[..., np.newaxis]
        if self.late and self.hidden is not None:
            weights = np.where(self.hidden, 0.0, weights)
        return weights, weights * np.expm1(drift) + rounding


def _softened(scores: Array, over: str, sinks: Array | None) -> Array:
    if over == "all":
        return softmax(scores.reshape(len(scores), -1))[0].reshape(scores.shape)
    axis = {"keys": -1, "queries": -2, "heads": 0}[over]
    moved = np.moveaxis(scores, axis, -1)
    weights = softmax(moved, None if sinks is None else sinks[:, np.newaxis, np.newaxis])[0]
    return np.moveaxis(weights, -1, axis)


@dataclass(frozen=True, eq=False)
class Gap:
    """Where stored and expected numbers differ by more than rounding: for each head whether they fit, and the worst."""

    fits: Array
    places: tuple[tuple[int, ...], ...]
    sizes: Array


def gap(stored: Array, expected: Array, slack: Array) -> Gap:
    """Compare head by head (head, …); the same infinity, or NaN in both, is no difference."""
    fits = np.ones(len(stored), dtype=bool)
    places, sizes = [], np.zeros(len(stored))
    for head, (one, other, room) in enumerate(zip(stored, expected, slack, strict=True)):
        off = abs(one - other)
        fits[head] = (off <= room).all()
        if not fits[head]:
            off = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0.0, off)
            off = np.where(np.isnan(off), np.inf, off)
            fits[head] = not (off > room).any()
            off = np.where(off > room, off, 0.0)
        place = tuple(map(int, np.unravel_index(int(off.argmax()), off.shape)))
        places.append(place)
        sizes[head] = off[place]
    return Gap(fits, tuple(places), sizes)


@dataclass(frozen=True, eq=False)
class Guess:
    """A usual mistake: what it changes in a recipe, and the kind of finding it is."""

    slot: str
    code: str
    change: Mapping[str, Any]
    words: Mapping[str, str] = field(default_factory=dict)


Fits = Callable[[Recipe, list[int], slice], Array]
"""Whether a recipe, of heads at these places and rows alone, gives the weights that are stored."""


def named(recipe: Recipe, guesses: Sequence[Guess], fits: Fits, heads: Sequence[int]) -> dict[int, tuple[Guess, ...]]:
    """For each of these heads (places) the mistake that explains it, or the two; heads that none explains are left out.

    A few rows are tried before all of them, and pairs, which are many, on one head before the others.
    """
    found: dict[int, tuple[Guess, ...]] = {}
    left = list(heads)
    few = slice(None, None, -(-recipe.base.shape[1] // FEW))
    for together in _sets(guesses):
        changed = replace(recipe, **{key: value for guess in together for key, value in guess.change.items()})
        if changed.over == "heads":
            hit = [] if len(together) > 1 else _hit(changed, fits, left, list(range(len(recipe.base))), EVERY)
        else:
            hit = left if len(together) == 1 or _hit(changed, fits, left[:1], left[:1], few) else []
            for rows in (few, EVERY):
                hit = _hit(changed, fits, hit, hit, rows) if hit else []
        found |= dict.fromkeys(hit, together)
        left = [place for place in left if place not in hit]
        if not left:
            break
    return found


def _hit(recipe: Recipe, fits: Fits, heads: list[int], computed: list[int], rows: slice) -> list[int]:
    """Those of some heads that a recipe explains, computed on as many heads as it needs."""
    rows = rows if recipe.over == "keys" else EVERY
    fit = dict(zip(computed, fits(recipe.only(computed, rows), computed, rows).tolist(), strict=True))
    return [place for place in heads if fit[place]]


def _sets(guesses: Sequence[Guess]) -> Iterator[tuple[Guess, ...]]:
    yield from ((guess,) for guess in guesses)
    yield from ((one, two) for one, two in combinations(guesses, 2) if one.slot != two.slot)
