"""Steps on scores: what happens between queries and keys and the weights, each step a value that makes a stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from attn_cli.core.masks import MASKS, Mask, NoMask
from attn_cli.core.ops import softmax
from attn_cli.core.record import by
from attn_cli.core.spec import Spec
from attn_cli.core.spelling import spell
from attn_cli.trace.stages import last_form
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


def whole(shape: Shape) -> Block:
    """The block that is all of an array (head, query, key)."""
    return Block(slice(0, shape[0]), slice(0, shape[1]))


def shared(x: Array, block: Block, heads: int) -> Array:
    """The matrices (head or 1, key, feature) that the block's query heads look through, of fewer key heads."""
    places = np.arange(block.heads.start, block.heads.stop) * len(x) // heads
    first, last = int(places[0]), int(places[-1])
    return x[first : last + 1] if last - first in (0, len(places) - 1) else x[places]


@dataclass(frozen=True, eq=False, repr=False)
class ScoreInputs:
    """What steps on scores (head, query, key) may read: the stages so far, and the positions of queries and keys."""

    stages: Mapping[str, Array]
    shape: Shape
    queries: Array
    keys: Array
    dtype: str


def head_width(stages: Mapping[str, Array], spec: Spec) -> int | None:
    """The width of a head, as far as the queries show it or the spec says it."""
    form = last_form("Q", stages)
    return spec.d_k if form is None else int(stages[form].shape[2])


class BlockStep(Protocol):
    """A step that is ready to run on blocks of scores (head, query, key)."""

    @property
    def makes(self) -> str:
        """The stage that it makes; of two steps with the same stage the second changes what the first has made."""

    def formula(self, before: str) -> str:
        """The formula of the stage, given the name of the stage before it, or the formula of the step before it."""

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        """The changed scores, written into `out`, which may be `scores` itself."""


class ScoreStep(Protocol):
    """One change of scores, as a value that knows no numbers of the text."""

    @property
    def makes(self) -> str: ...

    def at(self, inputs: ScoreInputs) -> BlockStep | None:
        """The step for these inputs, None where it has nothing to do."""


@dataclass(frozen=True)
class DotProduct:
    """Compare each query with each key by dot product; query heads may share key heads."""

    makes: str = "scores"

    def at(self, inputs: ScoreInputs) -> "Products | None":
        q, k = (last_form(name, inputs.stages) for name in "QK")
        return Products(inputs.stages[q], inputs.stages[k], (q, k)) if q and k else None


@dataclass(frozen=True, eq=False, repr=False)
class Products:
    """The dot products of queries (head, query, feature) and keys (key head, key, feature)."""

    q: Array
    k: Array
    words: tuple[str, str] = ("Q", "K")
    makes: str = "scores"

    def formula(self, before: str) -> str:
        shapes = f"{by(self.q[0])} · {by(self.k[0].T)} → {len(self.q[0])}×{len(self.k[0])}"
        return f"scores = {self.words[0]} · {self.words[1]}ᵀ   {shapes}" + (
            f", in each of {len(self.q)} heads" if len(self.q) > 1 else ""
        )

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        return np.matmul(block.of(self.q), shared(self.k, block, len(self.q)).swapaxes(-1, -2), out=out)


@dataclass(frozen=True)
class Scale:
    """Multiply scores as a spec says, so that their spread does not grow with the width of a head."""

    spec: Spec
    makes: str = "scaled"

    def at(self, inputs: ScoreInputs) -> "Factor | None":
        width = head_width(inputs.stages, self.spec)
        spec = self.spec.divided(width)
        factor = spec.factor(width)
        return None if factor is None else Factor(factor, width if spec.scale == "sqrt" else None)


@dataclass(frozen=True)
class Factor:
    """Scores times a number, which is 1/√d_k where `d_k` is named."""

    factor: float
    d_k: int | None
    makes: str = "scaled"

    def formula(self, before: str) -> str:
        if self.d_k is None:
            return f"scaled = {before} × {self.factor:.6g}"
        return f"scaled = {before} / √d_k   d_k = {self.d_k}: {before} × {self.factor:.6g}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        scaled: Array = np.multiply(scores, scores.dtype.type(self.factor), out=out)
        return scaled


@dataclass(frozen=True)
class Softcap:
    """Squeeze scores smoothly into ± cap (Gemma 2, arXiv 2408.00118)."""

    cap: float
    makes: str = "softcapped"

    def at(self, inputs: ScoreInputs) -> BlockStep:
        return self

    def formula(self, before: str) -> str:
        return f"softcapped = {self.cap:g} · tanh({before} / {self.cap:g})"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        cap = scores.dtype.type(self.cap)
        np.tanh(np.divide(scores, cap, out=out), out=out)
        capped: Array = np.multiply(out, cap, out=out)
        return capped


Addend = Callable[[Block], Array]
"""What is added to a block of scores: (head or 1, query, key), or (query, key) for all heads."""


class Term(Protocol):
    """Something that is added to scores; `part` is the part of the score that it counts as."""

    @property
    def words(self) -> str: ...

    @property
    def part(self) -> str: ...

    def at(self, inputs: ScoreInputs) -> Addend: ...


@dataclass(frozen=True, eq=False, repr=False)
class AlibiTerm:
    """−slope × distance, a slope for each head (Press et al. 2021, arXiv 2108.12409)."""

    slopes: Array
    words: str = "ALiBi"
    part: str = "position"

    def at(self, inputs: ScoreInputs) -> Addend:
        # float16 cannot tell position 2049 from 2048
        queries, keys = inputs.queries.astype(np.float64), inputs.keys.astype(np.float64)
        slopes = self.slopes.astype(inputs.dtype)

        def addend(block: Block) -> Array:
            distance = abs(queries[block.rows, np.newaxis] - keys).astype(slopes.dtype, copy=False)  # (query, key)
            product: Array = -slopes[block.heads, np.newaxis, np.newaxis] * distance
            return product

        return addend


@dataclass(frozen=True, eq=False, repr=False)
class ArrayTerm:
    """An array of numbers to add: (query, key) for all heads, or (head, query, key)."""

    array: Array
    words: str
    part: str = "bias"

    def at(self, inputs: ScoreInputs) -> Addend:
        array = self.array.astype(inputs.dtype, copy=False)
        return lambda block: block.of(array)


@dataclass(frozen=True)
class Bias:
    """Add what positions or a mask give to each score: the sum of the terms."""

    terms: tuple[Term, ...]
    makes: str = "biased"

    def at(self, inputs: ScoreInputs) -> "Addends":
        words = " + ".join(term.words for term in self.terms)
        return Addends(words, tuple(term.at(inputs) for term in self.terms))


@dataclass(frozen=True, eq=False, repr=False)
class Addends:
    """Scores plus the sum of some arrays."""

    words: str
    addends: tuple[Addend, ...]
    makes: str = "biased"

    def formula(self, before: str) -> str:
        return f"biased = {before} + {self.words}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        total = sum((addend(block) for addend in self.addends[1:]), start=self.addends[0](block))
        biased: Array = np.add(scores, total, out=out)
        return biased


@dataclass(frozen=True)
class Temperature:
    """Divide the scores of a stage, so that softmax is sharper (below 1) or more even (above 1)."""

    temperature: float
    makes: str

    def at(self, inputs: ScoreInputs) -> BlockStep:
        return self

    def formula(self, before: str) -> str:
        name, _, made = before.partition(" = ")
        return f"{name} = ({made}) / {self.temperature:g}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        divided: Array = np.divide(scores, scores.dtype.type(self.temperature), out=out)
        return divided


@dataclass(frozen=True, eq=False, repr=False)
class HideMasked:
    """Set what a query may not look at to −∞: what the mask hides, and what `hidden` (query, key) or per head does."""

    mask: Mask
    hidden: Array | None = None
    queries: int = 0
    makes: str = "masked"

    def at(self, inputs: ScoreInputs) -> BlockStep | None:
        _, queries, keys = inputs.shape
        acts = self.hidden is not None or hides(self.mask, queries, keys)
        return replace(self, queries=queries) if acts else None

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
    makes: str = "weights"

    def at(self, inputs: ScoreInputs) -> "Softmax":
        if self.sinks is None:
            return self
        return Softmax(self.sinks.astype(inputs.dtype), np.empty(inputs.shape[:2], inputs.dtype))

    def formula(self, before: str) -> str:
        return f"weights = softmax({before})   over each row's keys" + ("" if self.sinks is None else " and the sink")

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        sinks = None if self.sinks is None else self.sinks[block.heads, np.newaxis, np.newaxis]
        weights, share = softmax(scores, sinks, out)
        if self.shares is not None:
            self.shares[block.heads, block.rows] = share
        return weights


@dataclass(frozen=True, eq=False, repr=False)
class Refined:
    """A step, and another one that changes what it has made before that becomes a stage."""

    first: BlockStep
    second: BlockStep

    @property
    def makes(self) -> str:
        return self.first.makes

    def formula(self, before: str) -> str:
        return self.second.formula(self.first.formula(before))

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        return self.second(self.first(scores, block, out), block, out)


def hides(mask: Mask, queries: int, keys: int) -> bool:
    """Whether the mask hides any key from any query, asked in bands of rows, so that no large array is needed."""
    bands = (slice(start, start + 64) for start in range(0, queries, 64))
    return any((seen := mask.visible(band, queries, keys)) is not None and not seen.all() for band in bands)


def terms_of(spec: Spec, mask: Array | None = None) -> tuple[Term, ...]:
    """What positions, and a mask of numbers (query, key) or (head, query, key), add to scores."""
    slopes = spec.positions.slopes(spec.heads)
    alibi = () if slopes is None else (AlibiTerm(slopes),)
    return alibi if mask is None else (*alibi, ArrayTerm(mask, "attn_mask"))


def on_scores(spec: Spec, terms: tuple[Term, ...] = (), hidden: Array | None = None) -> tuple[ScoreStep, ...]:
    """The steps on scores of a spec, in their order.

    A temperature is part of the scale; where more follows before the mask, it divides the result of that.
    """
    late = spec.softcap is not None or bool(terms)
    scaling = replace(spec, temperature=1.0) if late else spec
    steps: list[ScoreStep] = [DotProduct()]
    steps += [Scale(scaling)] if scaling.scale != "none" or scaling.temperature != 1 else []
    steps += [] if spec.softcap is None else [Softcap(spec.softcap)]
    steps += [Bias(terms)] if terms else []
    steps += [Temperature(spec.temperature, steps[-1].makes)] if late and spec.temperature != 1 else []
    return (*steps, HideMasked(spec.mask, hidden if hidden is not None and hidden.any() else None))
