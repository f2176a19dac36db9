"""Norms of vectors, and how queries and keys are normed, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np

from attn_cli.core.threads import chunks, each, threads_for
from attn_cli.trace.trace import Array

BAND = 2**17  # the numbers that go through a norm at a time, so that they stay in a core's cache
NUMBERS = 2**17  # how many numbers are worth waking a thread for


def by_bands(function: Callable[[Array], Array], x: Array) -> Array:
    """A function of each token's vector (token, feature), for some tokens at a time."""
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
    """LayerNorm, or RMSNorm (Zhang & Sennrich 2019), over the last axis; `plus_one` for weights stored around 0."""

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
        """The norm of a vector x (feature) as a linear map of its parts (…, feature), in float64, its bias left out.

        What it divides by is that of x itself, so that the parts of x add up to what they make together.
        """
        spread = np.square(x - x.mean() if self.kind == "layer" else x).mean(dtype=np.float64)
        factor = 1 / np.sqrt(spread + self.eps)
        scaled = factor if weight is None else factor * (weight.astype(np.float64) + self.plus_one)

        def part(parts: Array) -> Array:
            centered = parts - parts.mean(axis=-1, keepdims=True) if self.kind == "layer" else parts
            made: Array = centered * scaled
            return made

        return part


@dataclass(frozen=True)
class HeadNorm:
    """A norm of queries and keys: `over` the features of a head, or those of all heads of a token at once.

    Heads share their weights, unless each has its own. It comes `after` the projection, or after the rotation.
    """

    kind: ClassVar[Literal["layer", "rms"]]
    eps: float
    over: Literal["head", "each", "all"] = "head"
    after: Literal["projection", "rotation"] = "projection"

    @property
    def norm(self) -> Norm:
        return Norm(self.kind, self.eps)

    def shape(self, heads: int, width: int) -> tuple[int, ...]:
        """The shape of its weights for some heads of some width."""
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
