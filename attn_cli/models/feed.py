"""Feed-forward parts: plain and gated; mixtures of experts stand in `experts`."""

from dataclasses import dataclass

import numpy as np

from attn_cli.models.arithmetic import Activation, check_alike, sigmoid
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
    """down(act(gate(x)) · up(x)) (Shazeer 2020, arXiv 2002.05202); `side` begins the names of its weights."""

    act: Activation
    side: str = ""

    def __call__(self, x: Array, weights: Weights) -> Array:
        gate, up = (weights.apply(self.side + name, x) for name in ("gate", "up"))
        check_alike(gate, up, weights.named(self.side + "up"))
        return weights.apply(self.side + "down", self.act(gate) * up)


@dataclass(frozen=True)
class Clamped:
    """down(swish(gate) · (up + 1)), neither above `limit`, nor up below −`limit` (gpt-oss, arXiv 2508.10925)."""

    slope: float
    limit: float
    side: str = ""

    def __call__(self, x: Array, weights: Weights) -> Array:
        gate = np.minimum(weights.apply(self.side + "gate", x), np.float32(self.limit))
        up = np.clip(weights.apply(self.side + "up", x), -self.limit, self.limit)
        return weights.apply(self.side + "down", (up + 1) * (gate * sigmoid(gate * np.float32(self.slope))))
