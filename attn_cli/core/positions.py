"""How a token's place enters the arithmetic, as values: added to X, by rotating Q and K, or as a bias on scores."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array


class Positions:
    """A position scheme; it acts in one of three places, and does nothing in the other two."""

    def added(self, positions: Array, width: int) -> Array | None:
        """Vectors (token, feature) to add to embeddings, None for none."""
        return None

    def rotated(self, x: Array, positions: Array) -> Array | None:
        """Queries or keys (head, token, feature), rotated; None where the scheme rotates nothing."""
        return None

    def slopes(self, heads: int) -> Array | None:
        """How much each head's scores fall by a token of distance; None where they do not."""
        return None


@dataclass(frozen=True)
class NoPositions(Positions):
    """Order plays no part: attention sees a set of tokens."""


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
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): pairs of features turn by position / base^(2i/dim).

    `style` pairs feature i with i + dim/2 (half) or 2i with 2i + 1 (interleaved); only the first `dim` features turn,
    all unless set; `factor` divides the frequencies, and so positions (linear scaling). What rotates is made
    `attention_factor` times as long (YaRN, arXiv 2309.00071).
    """

    base: float = 10000.0
    style: Literal["half", "interleaved"] = "half"
    dim: int | None = None
    factor: float = 1.0
    attention_factor: float = 1.0

    def rotated(self, x: Array, positions: Array, frequencies: Array | None = None) -> Array:
        """The same with radians per position for each pair (pair,), in place of the base and all that depends on it."""
        width = x.shape[-1]
        dim = 2 * len(frequencies) if frequencies is not None else width if self.dim is None else self.dim
        if dim > width or dim % 2:
            raise SpecError(
                f"rope cannot turn {dim} features of a head of width {width}: they go in pairs",
                hint="choose an even width of heads (--head-dim), or turn some of them (rope:dim=2)",
            )
        wide = np.promote_types(x.dtype, np.float32)  # float16 cannot tell position 2049 from 2048
        if frequencies is None:
            frequencies = self._frequencies(dim, wide) / wide.type(self.factor)
        return rotate_pairs(
            x, positions.astype(wide), frequencies.astype(wide, copy=False), self.style, self.attention_factor
        )

    def _frequencies(self, dim: int, dtype: "np.dtype[np.floating]") -> Array:
        """Radians a token, for each pair; rounded as PyTorch rounds them where the arithmetic is not float64."""
        if dtype == np.float64:
            return np.asarray(1 / self.base ** (np.arange(0, dim, 2) / dim))
        exponents = (np.arange(0, dim, 2, dtype="f4") / np.float32(dim)).astype("f8")
        return np.asarray(np.float32(1) / np.power(np.float64(self.base), exponents).astype("f4"))


@dataclass(frozen=True)
class Alibi(Positions):
    """A bias of −slope × distance on scores, a slope for each head (Press et al. 2021, arXiv 2108.12409)."""

    def slopes(self, heads: int) -> Array:
        power = 1 << (heads.bit_length() - 1)  # the largest power of two that is not above heads
        own = 2.0 ** (-8.0 * np.arange(1, power + 1) / power)
        between = 2.0 ** (-4.0 * np.arange(1, 2 * (heads - power), 2) / power)
        return np.concatenate([own, between])


def adds(scheme: Positions) -> bool:
    """Whether a position scheme adds vectors to embeddings."""
    return type(scheme).added is not Positions.added


def rotates(scheme: Positions) -> bool:
    """Whether a position scheme rotates queries and keys."""
    return type(scheme).rotated is not Positions.rotated


def rotate_pairs(
    x: Array, positions: Array, frequencies: Array, style: Literal["half", "interleaved"], factor: float = 1.0
) -> Array:
    """Queries or keys (head, token, feature) with pairs of features rotated by position × frequency.

    `frequencies` (pair) are in radians per position. `style` pairs feature i with i + dim/2 (half), or 2i with 2i + 1
    (interleaved); features after the pairs stay. Those that rotate are made `factor` times as long.
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

    They grow with their position, so that softmax stays sharp over long texts.
    """

    slope: float
    step: float
    ahead: int = 0

    @property
    def formula(self) -> str:
        position = f"(position + {self.ahead})" if self.ahead else "position"
        return f"(1 + {self.slope:g} · ln(1 + ⌊{position} / {self.step:g}⌋))"

    def factors(self, positions: Array) -> Array:
        """What the query at each position is multiplied by, in float64."""
        factors: Array = 1 + self.slope * np.log1p(np.floor((positions + self.ahead) / self.step))
        return factors


QUERY_SCALINGS = MappingProxyType({"log": QueryScaling})
POSITIONS = MappingProxyType({"none": NoPositions, "sinusoidal": Sinusoidal, "rope": Rope, "alibi": Alibi})
POSITIONS_ALSO = MappingProxyType({"rotary": "rope", "sin": "sinusoidal", "absolute": "sinusoidal"})
"""Other words for some of them, which errors answer."""
