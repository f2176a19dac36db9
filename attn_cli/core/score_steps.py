"""The steps on scores, from dot products to softmax; each makes a stage."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from attn_cli.core.biases import Bias, Term
from attn_cli.core.masks import MASKS, Mask, NoMask
from attn_cli.core.ops import softmax
from attn_cli.core.record import by
from attn_cli.core.spec import Spec
from attn_cli.core.spelling import spell
from attn_cli.core.steps import Block, BlockStep, ScoreInputs, ScoreStep, head_width, shared
from attn_cli.trace.stages import last_form
from attn_cli.trace.trace import Array


class DotProduct(NamedTuple):
    """The dot product of each query with each key; query heads may share key heads (GQA)."""

    makes: str = "scores"

    def at(self, inputs: ScoreInputs) -> "Products | None":
        q, k = (last_form(name, inputs.stages) for name in "QK")
        return Products(inputs.stages[q], inputs.stages[k], (q, k)) if q and k else None


class Products(NamedTuple):
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


class Scale(NamedTuple):
    """Scale scores by the spec's factor, so that their spread does not grow with the width of a head."""

    spec: Spec
    makes: str = "scaled"

    def at(self, inputs: ScoreInputs) -> "Factor | None":
        width = head_width(inputs.stages, self.spec)
        spec = self.spec.divided(width)
        factor = spec.factor(width)
        return None if factor is None else Factor(factor, width if spec.scale == "sqrt" else None)


class Factor(NamedTuple):
    """Scores times a number; `d_k` is set if the number is 1/√d_k."""

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


class Softcap(NamedTuple):
    """Softcap: cap · tanh(scores / cap), so that scores stay within ± cap (Gemma 2, arXiv 2408.00118)."""

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


class Temperature(NamedTuple):
    """Divide scores by the temperature: below 1 softmax is sharper, above 1 more even."""

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


class HideMasked(NamedTuple):
    """Set masked scores to −∞: cells hidden by the mask, or by `hidden` (query, key) or (head, query, key)."""

    mask: Mask
    hidden: Array | None = None
    queries: int = 0
    makes: str = "masked"

    def at(self, inputs: ScoreInputs) -> BlockStep | None:
        _, queries, keys = inputs.shape
        acts = self.hidden is not None or hides(self.mask, queries, keys)
        return self._replace(queries=queries) if acts else None

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


class Softmax(NamedTuple):
    """Softmax over keys; `sinks` (head) add one score per row, whose share is written to `shares` (head, query)."""

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


def hides(mask: Mask, queries: int, keys: int) -> bool:
    """Whether the mask hides any key from any query; tested in bands of rows, so that no large array is needed."""
    bands = (slice(start, start + 64) for start in range(0, queries, 64))
    return any((visible := mask.visible(band, queries, keys)) is not None and not visible.all() for band in bands)


def on_scores(spec: Spec, terms: tuple[Term, ...] = (), hidden: Array | None = None) -> tuple[ScoreStep, ...]:
    """The steps on scores of a spec, in order.

    The temperature is part of the scale, or a step of its own after a softcap or a bias.
    """
    late = spec.softcap is not None or bool(terms)
    scaling = replace(spec, temperature=1.0) if late else spec
    steps: list[ScoreStep] = [DotProduct()]
    steps += [Scale(scaling)] if scaling.scale != "none" or scaling.temperature != 1 else []
    steps += [] if spec.softcap is None else [Softcap(spec.softcap)]
    steps += [Bias(terms)] if terms else []
    steps += [Temperature(spec.temperature, steps[-1].makes)] if late and spec.temperature != 1 else []
    return (*steps, HideMasked(spec.mask, hidden if hidden is not None and hidden.any() else None))
