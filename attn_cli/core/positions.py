"""Position schemes as values: vectors added to X, a rotation of Q and K, or a bias on scores."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array


class Positions:
    """A position scheme: it adds to embeddings, rotates queries and keys, or lowers scores by distance."""

    def added(self, positions: Array, width: int) -> Array | None:
        """Vectors (token, feature) to add to embeddings; None if the scheme adds none."""
        return None

    def rotated(self, x: Array, positions: Array) -> Array | None:
        """Rotated queries or keys (head, token, feature); None if the scheme rotates nothing."""
        return None

    def slopes(self, heads: int) -> Array | None:
        """Each head's slope (head): how much a score falls per token of distance; None without such a bias."""
        return None


@dataclass(frozen=True)
class NoPositions(Positions):
    """No positions: attention ignores the order of tokens."""


@dataclass(frozen=True)
class Sinusoidal(Positions):
    """Sines and cosines of the position, added to the embeddings (Vaswani et al. 2017, arXiv 1706.03762)."""

    def added(self, positions: Array, width: int) -> Array:
        pair = np.arange(0, width, 2)
        angles = positions[:, np.newaxis] / 10000.0 ** (pair / width)  # (token, pair)
        vectors = np.empty((len(positions), width))
        vectors[:, 0::2] = np.sin(angles)
        vectors[:, 1::2] = np.cos(angles[:, : width // 2])
        return vectors


@dataclass(frozen=True)
class Rope(Positions):
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): pairs of features rotate by position / base^(2i/dim).

    `style` pairs feature i with i + dim/2 (half) or 2i with 2i + 1 (interleaved). Only the first `dim` features rotate,
    by default all. `factor` divides the frequencies (linear scaling). `attention_factor` multiplies the rotated
    features (YaRN, arXiv 2309.00071).
    """

    base: float = 10000.0
    style: Literal["half", "interleaved"] = "half"
    dim: int | None = None
    factor: float = 1.0
    attention_factor: float = 1.0

    def rotated(self, x: Array, positions: Array, frequencies: Array | None = None) -> Array:
        """Rotated queries or keys; `frequencies` (pair), in radians per position, replace base, dim and factor."""
        width = x.shape[-1]
        dim = 2 * len(frequencies) if frequencies is not None else width if self.dim is None else self.dim
        if dim > width or dim % 2:
            raise SpecError(
                f"rope cannot rotate {dim} features of a head of width {width}: it rotates pairs",
                hint="choose an even width of heads (--head-dim), or rotate some features (rope:dim=2)",
            )
        wide = np.promote_types(x.dtype, np.float32)  # float16 cannot distinguish position 2049 from 2048
        if frequencies is None:
            frequencies = self._frequencies(dim, wide) / wide.type(self.factor)
        return rotate_pairs(
            x, positions.astype(wide), frequencies.astype(wide, copy=False), self.style, self.attention_factor
        )

    def _frequencies(self, dim: int, dtype: "np.dtype[np.floating]") -> Array:
        """Radians per position (pair); rounded as PyTorch rounds them unless the arithmetic is float64."""
        if dtype == np.float64:
            return np.asarray(1 / self.base ** (np.arange(0, dim, 2) / dim))
        exponents = (np.arange(0, dim, 2, dtype="f4") / np.float32(dim)).astype("f8")
        return np.asarray(np.float32(1) / np.power(np.float64(self.base), exponents).astype("f4"))


@dataclass(frozen=True)
class Alibi(Positions):
    """A bias of −slope × distance on scores, one slope per head (Press et al. 2021, arXiv 2108.12409)."""

    def slopes(self, heads: int) -> Array:
        power = 1 << (heads.bit_length() - 1)  # the largest power of two up to heads
        slopes = 2.0 ** (-8.0 * np.arange(1, power + 1) / power)
        interpolated = 2.0 ** (-4.0 * np.arange(1, 2 * (heads - power), 2) / power)
        return np.concatenate([slopes, interpolated])


def adds(scheme: Positions) -> bool:
    """Whether a position scheme adds vectors to embeddings."""
    return type(scheme).added is not Positions.added


def rotates(scheme: Positions) -> bool:
    """Whether a position scheme rotates queries and keys."""
    return type(scheme).rotated is not Positions.rotated


def rotate_pairs(
    x: Array, positions: Array, frequencies: Array, style: Literal["half", "interleaved"], factor: float = 1.0
) -> Array:
    """Rotate pairs of features of queries or keys (head, token, feature) by position × frequency.

    `frequencies` (pair) are in radians per position. `style` pairs feature i with i + dim/2 (half), or 2i with 2i + 1
    (interleaved); features after the pairs stay. `factor` multiplies the rotated features.
    """
    count = len(frequencies)
    angles = positions[:, np.newaxis] * frequencies  # (token, pair)
    cos, sin = np.cos(angles).astype(x.dtype, copy=False), np.sin(angles).astype(x.dtype, copy=False)
    if factor != 1:
        cos, sin = cos * x.dtype.type(factor), sin * x.dtype.type(factor)
    halves = slice(0, count), slice(count, 2 * count)
    pairs = halves if style == "half" else (slice(0, 2 * count, 2), slice(1, 2 * count, 2))
    first, second = (x[..., features] for features in pairs)
    rotated = x.copy()
    rotated[..., pairs[0]] = first * cos - second * sin
    rotated[..., pairs[1]] = second * cos + first * sin
    return rotated


@dataclass(frozen=True)
class QueryScaling:
    """Queries times 1 + `slope` · ln(1 + ⌊(position + `ahead`) / `step`⌋) (Nakanishi 2025, arXiv 2501.19399).

    Queries grow with position, so that softmax stays sharp over long texts.
    """

    slope: float
    step: float
    ahead: int = 0

    @property
    def formula(self) -> str:
        """The factor as a formula."""
        position = f"(position + {self.ahead})" if self.ahead else "position"
        return f"(1 + {self.slope:g} · ln(1 + ⌊{position} / {self.step:g}⌋))"

    def factors(self, positions: Array) -> Array:
        """The factor of the query at each position, in float64."""
        factors: Array = 1 + self.slope * np.log1p(np.floor((positions + self.ahead) / self.step))
        return factors


QUERY_SCALINGS = MappingProxyType({"log": QueryScaling})
POSITIONS = MappingProxyType({"none": NoPositions, "sinusoidal": Sinusoidal, "rope": Rope, "alibi": Alibi})
POSITIONS_ALSO = MappingProxyType({"rotary": "rope", "sin": "sinusoidal", "absolute": "sinusoidal"})
"""Other names for position schemes; an error suggests ours."""
