"""MLPs, plain and gated; mixtures of experts are in `experts`."""

from dataclasses import dataclass

import numpy as np

from attn_cli.models.network.arithmetic import Activation, sigmoid
from attn_cli.models.network.products import through
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Plain:
    """down(act(up(x)))."""

    act: Activation

    def __call__(self, x: Array, weights: Weights) -> Array:
        return through(x, [weights.linear("up")], self.act, weights.linear("down"))


@dataclass(frozen=True)
class Gated:
    """down(act(gate(x)) · up(x)) (Shazeer 2020, arXiv 2002.05202); `side` is the prefix of its weights' names."""

    act: Activation
    side: str = ""

    def __call__(self, x: Array, weights: Weights) -> Array:
        gate, up, down = (weights.linear(self.side + name) for name in ("gate", "up", "down"))
        return through(x, [gate, up], self._between, down)

    def _between(self, gate: Array, up: Array) -> Array:
        return self.act(gate) * up


@dataclass(frozen=True)
class Clamped:
    """down(swish(gate) · (up + 1)), gate clipped at `limit`, up at ±`limit` (gpt-oss, arXiv 2508.10925)."""

    slope: float
    limit: float
    side: str = ""

    def __call__(self, x: Array, weights: Weights) -> Array:
        gate, up, down = (weights.linear(self.side + name) for name in ("gate", "up", "down"))
        return through(x, [gate, up], self._between, down)

    def _between(self, gate: Array, up: Array) -> Array:
        gate = np.minimum(gate, np.float32(self.limit))
        up = np.clip(up, -self.limit, self.limit)
        y: Array = (up + 1) * (gate * sigmoid(gate * np.float32(self.slope)))
        return y
