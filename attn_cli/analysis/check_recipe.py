"""Recipe: weights computed again in float64, right or with one mistake, and how far rounding may carry them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from attn_cli.core.ops import softmax
from attn_cli.trace.trace import Array

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

    def only(self, places: list[int]) -> "Recipe":
        """The recipe of some heads alone."""
        cut: dict[str, Any] = {"base": self.base[places]}
        for name in ("slack", "bias", "hidden"):  # which all heads may share
            if (array := getattr(self, name)) is not None and array.ndim == 3 and len(array) > 1:
                cut[name] = array[places]
        for name in ("sinks", "left"):
            if (array := getattr(self, name)) is not None:
                cut[name] = array[places]
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
    same = (stored == expected) | (np.isnan(stored) & np.isnan(expected))
    off = np.where(same, 0.0, abs(stored - expected))
    off = np.where(np.isnan(off), np.inf, off)
    beyond = (off > slack).reshape(len(off), -1).any(axis=1)
    outside = np.where(off > slack, off, -1.0)
    places = tuple(tuple(map(int, np.unravel_index(int(matrix.argmax()), matrix.shape))) for matrix in outside)
    return Gap(
        np.asarray(~beyond), places, np.array([matrix[place] for matrix, place in zip(off, places, strict=True)])
    )


@dataclass(frozen=True, eq=False)
class Guess:
    """A usual mistake: what it changes in a recipe, and the kind of finding it is."""

    slot: str
    code: str
    change: Mapping[str, Any]
    words: Mapping[str, str] = field(default_factory=dict)


Fits = Callable[[Recipe, list[int]], Array]
"""Whether a recipe, of heads at these places alone, gives the weights that are stored."""


def named(recipe: Recipe, guesses: Sequence[Guess], fits: Fits, heads: Sequence[int]) -> dict[int, tuple[Guess, ...]]:
    """For each of these heads (places) the mistake that explains it, or the two; heads that none explains are left out.

    Pairs are tried on one head before all others, as there are many.
    """
    found: dict[int, tuple[Guess, ...]] = {}
    left = list(heads)
    for together in _sets(guesses):
        if not left:
            break
        changed = replace(recipe, **{key: value for guess in together for key, value in guess.change.items()})
        if len(together) > 1 and (changed.over == "heads" or not fits(changed.only(left[:1]), left[:1]).all()):
            continue
        every = list(range(len(recipe.base)))
        fit = fits(changed, every)[left] if changed.over == "heads" else fits(changed.only(left), left)
        hit = [place for place, fitting in zip(left, fit.tolist(), strict=True) if fitting]
        found |= dict.fromkeys(hit, together)
        left = [place for place in left if place not in hit]
    return found


def _sets(guesses: Sequence[Guess]) -> Iterator[tuple[Guess, ...]]:
    yield from ((guess,) for guess in guesses)
    yield from ((one, two) for one, two in combinations(guesses, 2) if one.slot != two.slot)
