"""Rotary embeddings of checkpoints: pairs of features rotate by position × frequency."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_cli.core.positions import Rope, rotate_pairs
from attn_cli.trace.trace import Array

Frequencies = Callable[[int], Array]
"""From the number of tokens to radians per position (pair); most schemes ignore the number."""


@dataclass(frozen=True, eq=False)
class Rotary:
    """Rotate pairs of features by position × frequency, and multiply them by `factor`.

    `scheme` says which features form pairs; its base is the one before any scaling of frequencies.
    """

    frequencies: Frequencies
    scheme: Rope = Rope()
    factor: float = 1.0

    def __call__(self, x: Array, positions: Array) -> Array:
        """Rotated queries or keys (head, token, feature)."""
        frequencies = self.frequencies(int(positions.max(initial=-1)) + 1).astype(np.float32)
        return rotate_pairs(x, positions.astype(np.float32), frequencies, self.scheme.style, self.factor)


def powers(base: float, dim: int) -> Array:
    """base^(2i/dim) (pair), rounded as PyTorch rounds it in float32."""
    exponents = (np.arange(0, dim, 2, dtype="f4") / np.float32(dim)).astype("f8")
    raised: Array = np.power(np.float64(base), exponents).astype("f4")
    return raised
