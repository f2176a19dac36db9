"""LayerNorm and RMSNorm of vectors, and QK-norm, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from attn_cli.core.threads import chunks, each, threads_for
from attn_cli.trace.trace import Array

BAND = 2**17  # numbers per band, so that a band stays in a core's cache
NUMBERS = 2**17  # with fewer numbers per thread, waking the thread costs more than it saves


def by_bands(function: Callable[[Array], Array], x: Array) -> Array:
    """Apply a function of token vectors (token, feature) to bands of tokens, in threads; same shape and result."""
    threads = threads_for(x.size, NUMBERS)
    bands = chunks(len(x), -(-x.size // (threads * BAND)) * threads)
    if len(bands) <= 1:
        return function(x)
    y = np.empty_like(x)

    def band(part: slice) -> None:
        y[part] = function(x[part])

    each(bands, band, threads)
    return y


@dataclass(frozen=True)
class Norm:
    """LayerNorm or RMSNorm over the last axis; `plus_one` if weights are stored as weight − 1 (Gemma)."""

    kind: Literal["layer", "rms"]
    eps: float
    plus_one: bool = False

    def __call__(self, x: Array, weight: Array | None, bias: Array | None = None) -> Array:
        return by_bands(lambda band: self._normed(band, weight, bias), x)

    def _normed(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        centered = x - x.mean(axis=-1, keepdims=True) if self.kind == "layer" else x
        spread = np.einsum("...i,...i->...", centered, centered)[..., np.newaxis] / x.dtype.type(x.shape[-1])
        factor = 1 / np.sqrt(spread + x.dtype.type(self.eps))
        y: Array = np.multiply(centered, factor, out=None if centered is x else centered)
        if weight is not None:
            y *= weight + 1 if self.plus_one else weight
        if bias is not None:
            y += bias
        return y

    def frozen_at(self, x: Array, weight: Array | None) -> Callable[[Array], Array]:
        """The norm with its divisor frozen at vector x (feature): a linear map of parts of x (…, feature), float64.

        The mapped parts add up to the norm of x without its bias.
        """
        spread = np.square(x - x.mean() if self.kind == "layer" else x).mean(dtype=np.float64)
        factor = 1 / np.sqrt(spread + self.eps)
        scale = factor if weight is None else factor * (weight.astype(np.float64) + self.plus_one)

        def part(parts: Array) -> Array:
            centered = parts - parts.mean(axis=-1, keepdims=True) if self.kind == "layer" else parts
            scaled_parts: Array = centered * scale
            return scaled_parts

        return part


@dataclass(frozen=True)
class HeadNorm:
    """QK-norm: a norm of queries and keys, `after` the projection or after the rotation.

    `over`: head = per head with shared weights, each = per head with weights per head, all = over all heads at once.
    """

    kind: ClassVar[Literal["layer", "rms"]]
    eps: float
    over: Literal["head", "each", "all"] = "head"
    after: Literal["projection", "rotation"] = "projection"

    @property
    def norm(self) -> Norm:
        """The norm of one vector."""
        return Norm(self.kind, self.eps)

    def shape(self, heads: int, width: int) -> tuple[int, ...]:
        """The shape of the weights for `heads` heads of width `width`."""
        return {"head": (width,), "each": (heads, width), "all": (heads * width,)}[self.over]


@dataclass(frozen=True)
class RmsHeadNorm(HeadNorm):
    """RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467) of queries and keys."""

    kind = "rms"


@dataclass(frozen=True)
class LayerHeadNorm(HeadNorm):
    """LayerNorm (Ba et al. 2016, arXiv 1607.06450) of queries and keys."""

    kind = "layer"


QK_NORMS = MappingProxyType({"rms": RmsHeadNorm, "layer": LayerHeadNorm})
