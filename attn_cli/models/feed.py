"""Feed-forward parts: plain, gated, and mixtures of experts."""

from dataclasses import dataclass

from attn_cli.models.arithmetic import Activation
from attn_cli.models.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Plain:
    """down(act(up(x)))."""

    act: Activation

    def __call__(self, x: Array, weights: Weights) -> Array:
        return weights.apply("down", self.act(weights.apply("up", x)))


@dataclass(frozen=True)
class Gated:
    """down(act(gate(x)) · up(x)) (Shazeer 2020, arXiv 2002.05202)."""

    act: Activation

    def __call__(self, x: Array, weights: Weights) -> Array:
        return weights.apply("down", self.act(weights.apply("gate", x)) * weights.apply("up", x))
