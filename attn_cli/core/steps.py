"""What happens to scores before softmax, as an ordered tuple of steps; each step makes a stage."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attn_cli.core.masks import MASKS, Mask
from attn_cli.core.spec import Spec
from attn_cli.core.spelling import spell
from attn_cli.trace.trace import Array


class Step(Protocol):
    """One change to scores (head, query, key), named after the stage it makes."""

    @property
    def name(self) -> str: ...

    def formula(self, before: str) -> str:
        """The formula of the stage, given the name of the stage before it."""

    def __call__(self, scores: Array, out: Array | None) -> Array:
        """The changed scores, written into `out` where that is given."""


@dataclass(frozen=True)
class Scale:
    """Multiply scores, so that their spread does not grow with the width of a head."""

    factor: float
    d_k: int | None
    name: str = "scaled"

    def formula(self, before: str) -> str:
        if self.d_k is None:
            return f"scaled = {before} × {self.factor:.6g}"
        return f"scaled = {before} / √d_k   d_k = {self.d_k}: {before} × {self.factor:.6g}"

    def __call__(self, scores: Array, out: Array | None) -> Array:
        scaled: Array = np.multiply(scores, scores.dtype.type(self.factor), out=out)
        return scaled


@dataclass(frozen=True)
class Hide:
    """Set what a query may not look at to −∞."""

    mask: Mask
    name: str = "masked"

    def formula(self, before: str) -> str:
        return f"masked = {before}, −∞ where the mask {spell(self.mask, MASKS)} hides"

    def __call__(self, scores: Array, out: Array | None) -> Array:
        # -inf, not a large negative number: a hidden key must weigh exactly 0.
        visible = self.mask.visible(*scores.shape[-2:])
        shown = scores.copy() if out is None else out
        if visible is not None:
            np.copyto(shown, -np.inf, where=~visible)
        return shown


def on_scores(spec: Spec, d_k: int, queries: int, keys: int) -> tuple[Step, ...]:
    """The steps that a spec takes, in order; a step that would change nothing is not among them."""
    factor = spec.factor(d_k)
    visible = spec.mask.visible(queries, keys)
    steps: list[Step] = []
    if factor is not None:
        steps.append(Scale(factor, d_k if spec.scale == "sqrt" else None))
    if visible is not None and not visible.all():
        steps.append(Hide(spec.mask))
    return tuple(steps)
