"""Rotary positions as checkpoints have them: pairs of features turn by position × speed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attn_cli.trace.trace import Array

Speeds = Callable[[int], Array]
"""From the number of tokens to radians a token for each pair of features; most schemes do not look at the number."""


@dataclass(frozen=True, eq=False)
class Rotary:
    """Turn pairs of features by position × speed, `factor` times as long.

    `style` pairs feature i with i + dim/2 (half), or 2i with 2i + 1 (interleaved); features past the pairs stay.
    `spelled` is the scheme as a trace names it.
    """

    speeds: Speeds
    style: Literal["half", "interleaved"] = "half"
    factor: float = 1.0
    spelled: str = "rope"

    def __call__(self, x: Array, positions: Array) -> Array:
        """Queries or keys (head, token, feature), turned."""
        speeds = self.speeds(int(positions.max(initial=-1)) + 1).astype(np.float32)
        pairs = len(speeds)
        angles = positions.astype(np.float32)[:, np.newaxis] * speeds  # (token, pair)
        factor = x.dtype.type(self.factor)
        cos, sin = np.cos(angles) * factor, np.sin(angles) * factor
        half = (slice(0, pairs), slice(pairs, 2 * pairs))
        places = half if self.style == "half" else (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2))
        first, second = (x[..., place] for place in places)
        turned = x.copy()
        turned[..., places[0]] = first * cos - second * sin
        turned[..., places[1]] = second * cos + first * sin
        return turned


def powers(base: float, dim: int) -> Array:
    """base^(2i/dim) for each pair, rounded as PyTorch rounds it in float32."""
    exponents = (np.arange(0, dim, 2, dtype="f4") / np.float32(dim)).astype("f8")
    raised: Array = np.power(np.float64(base), exponents).astype("f4")
    return raised
