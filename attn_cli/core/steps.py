"""What happens to scores before softmax, as an ordered tuple of steps; each step makes a stage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attn_cli.core.masks import MASKS, Mask, NoMask
from attn_cli.core.ops import softmax
from attn_cli.core.record import by
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.spelling import spell
from attn_cli.trace.trace import Array

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False, repr=False)
class Block:
    """Some heads and some rows of an array (head, query, key): what is worked on at a time."""

    heads: slice
    rows: slice

    def of(self, array: Array) -> Array:
        """The block's part of (head, query, …), or of (query, key) that all heads share."""
        return array[self.rows] if array.ndim == 2 else array[self.heads, self.rows]

    def shape(self, whole: Shape) -> Shape:
        """The shape of the block's part of an array of shape `whole`."""
        return self.heads.stop - self.heads.start, self.rows.stop - self.rows.start, whole[2]


def shared(x: Array, block: Block, heads: int) -> Array:
    """The matrices (head or 1, key, feature) that the block's query heads look through, of fewer key heads."""
    places = np.arange(block.heads.start, block.heads.stop) * len(x) // heads
    first, last = int(places[0]), int(places[-1])
    return x[first : last + 1] if last - first in (0, len(places) - 1) else x[places]


class Step(Protocol):
    """One change to a block of scores (head, query, key), named after the stage it makes."""

    @property
    def name(self) -> str: ...

    def formula(self, before: str) -> str:
        """The formula of the stage, given the name of the stage before it."""

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        """The changed scores, written into `out`, which may be `scores` itself."""


@dataclass(frozen=True, eq=False, repr=False)
class DotProduct:
    """Compare each query (head, query, feature) with each key by dot product; key heads may be shared."""

    q: Array
    k: Array
    words: tuple[str, str] = ("Q", "K")
    name: str = "scores"

    def formula(self, before: str) -> str:
        shapes = f"{by(self.q[0])} · {by(self.k[0].T)} → {len(self.q[0])}×{len(self.k[0])}"
        return f"scores = {self.words[0]} · {self.words[1]}ᵀ   {shapes}" + (
            f", in each of {len(self.q)} heads" if len(self.q) > 1 else ""
        )

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        return np.matmul(block.of(self.q), shared(self.k, block, len(self.q)).swapaxes(-1, -2), out=out)


@dataclass(frozen=True, eq=False, repr=False)
class Scale:
    """Multiply scores, so that their spread does not grow with the width of a head."""

    factor: float
    d_k: int | None
    name: str = "scaled"

    def formula(self, before: str) -> str:
        if self.d_k is None:
            return f"scaled = {before} × {self.factor:.6g}"
        return f"scaled = {before} / √d_k   d_k = {self.d_k}: {before} × {self.factor:.6g}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        scaled: Array = np.multiply(scores, scores.dtype.type(self.factor), out=out)
        return scaled


@dataclass(frozen=True, eq=False, repr=False)
class Softcap:
    """Squeeze scores smoothly into ± cap (Gemma 2, arXiv 2408.00118)."""

    cap: float
    name: str = "softcapped"

    def formula(self, before: str) -> str:
        return f"softcapped = {self.cap:g} · tanh({before} / {self.cap:g})"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        cap = scores.dtype.type(self.cap)
        np.tanh(np.divide(scores, cap, out=out), out=out)
        capped: Array = np.multiply(out, cap, out=out)
        return capped


Term = Callable[[Block], Array]


@dataclass(frozen=True, eq=False, repr=False)
class Bias:
    """Add what position or a mask gives to each score: the sum of the terms (head or 1, query, key)."""

    words: str
    terms: tuple[Term, ...]
    name: str = "biased"

    def formula(self, before: str) -> str:
        return f"biased = {before} + {self.words}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        total = sum((term(block) for term in self.terms[1:]), start=self.terms[0](block))
        biased: Array = np.add(scores, total, out=out)
        return biased


@dataclass(frozen=True, eq=False, repr=False)
class Tempered:
    """Another step, and its result divided by a temperature."""

    step: Step
    temperature: float

    @property
    def name(self) -> str:
        return self.step.name

    def formula(self, before: str) -> str:
        name, _, made = self.step.formula(before).partition(" = ")
        return f"{name} = ({made}) / {self.temperature:g}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        divided: Array = np.divide(self.step(scores, block, out), scores.dtype.type(self.temperature), out=out)
        return divided


@dataclass(frozen=True, eq=False, repr=False)
class HideMasked:
    """Set what a query may not look at to −∞: what the mask hides, and what `hidden` (query, key) or per head does."""

    mask: Mask
    queries: int
    hidden: Array | None = None
    name: str = "masked"

    def formula(self, before: str) -> str:
        causes = [] if isinstance(self.mask, NoMask) else [f"the mask {spell(self.mask, MASKS)}"]
        causes += [] if self.hidden is None else ["attn_mask"]
        return f"masked = {before}, −∞ where {' or '.join(causes)} hides"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        if out is not scores:
            np.copyto(out, scores)
        # -inf, not a large negative number: a hidden key must weigh exactly 0.
        if (visible := self.mask.visible(block.rows, self.queries, scores.shape[-1])) is not None:
            np.copyto(out, -np.inf, where=~visible)
        if self.hidden is not None:
            np.copyto(out, -np.inf, where=block.of(self.hidden))
        return out


@dataclass(frozen=True, eq=False, repr=False)
class Softmax:
    """Softmax over keys; `sinks` (head) join it, and what they take goes to `shares` (head, query)."""

    sinks: Array | None = None
    shares: Array | None = None
    name: str = "weights"

    def formula(self, before: str) -> str:
        return f"weights = softmax({before})   over each row's keys" + ("" if self.sinks is None else " and the sink")

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        sinks = None if self.sinks is None else self.sinks[block.heads, np.newaxis, np.newaxis]
        weights, share = softmax(scores, sinks, out)
        if self.shares is not None:
            self.shares[block.heads, block.rows] = share
        return weights


def hides(mask: Mask, queries: int, keys: int) -> bool:
    """Whether the mask hides any key from any query, asked in bands of rows, so that no large array is needed."""
    bands = (slice(start, start + 64) for start in range(0, queries, 64))
    return any((seen := mask.visible(band, queries, keys)) is not None and not seen.all() for band in bands)


def alibi(slopes: Array, queries: Array, keys: Array) -> Term:
    """−slope × distance, a slope for each head, for the positions of queries and keys, in the dtype of the slopes."""
    queries, keys = queries.astype(np.float64), keys.astype(np.float64)  # float16 cannot tell 2049 from 2048

    def term(block: Block) -> Array:
        distance = abs(queries[block.rows, np.newaxis] - keys).astype(slopes.dtype, copy=False)  # (query, key)
        product: Array = -slopes[block.heads, np.newaxis, np.newaxis] * distance
        return product

    return term


def added(bias: Array) -> Term:
    """A given bias (query, key) for all heads, or (head, query, key)."""
    return lambda block: block.of(bias)


def touches(spec: Spec, extras: Extras) -> bool:
    """Whether scores are capped or biased after they are scaled."""
    return spec.softcap is not None or extras.bias is not None or spec.positions.slopes(spec.heads) is not None


def on_scores(spec: Spec, extras: Extras, d_k: int | None, queries: Array, keys: Array) -> tuple[Step, ...]:
    """The steps that a spec takes, in order, at positions of queries and keys, without those that change nothing."""
    steps: list[Step] = []
    if not touches(spec, extras):
        spec = spec.divided(d_k)
    if (factor := spec.factor(d_k)) is not None:
        steps.append(Scale(factor, d_k if spec.scale == "sqrt" else None))
    if spec.softcap is not None:
        steps.append(Softcap(spec.softcap))
    terms: dict[str, Term] = {}
    if (slopes := spec.positions.slopes(spec.heads)) is not None:
        terms["ALiBi"] = alibi(slopes.astype(spec.dtype), queries, keys)
    if extras.bias is not None:
        terms[extras.bias_words] = added(extras.bias.astype(spec.dtype, copy=False))
    if terms:
        steps.append(Bias(" + ".join(terms), tuple(terms.values())))
    if spec.temperature != 1:
        steps[-1] = Tempered(steps[-1], spec.temperature)
    hidden = extras.hidden if extras.hidden is not None and extras.hidden.any() else None
    if hidden is not None or hides(spec.mask, len(queries), len(keys)):
        steps.append(HideMasked(spec.mask, len(queries), hidden))
    return tuple(steps)
