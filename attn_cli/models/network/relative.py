"""Relative position biases: they depend on the distance between query and key."""

import math
from dataclasses import dataclass

import numpy as np

from attn_cli.core.positions import Alibi
from attn_cli.errors import DocumentError
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Buckets:
    """A bias per head and bucket of distances; near distances have a bucket each, far ones share buckets (T5).

    With `both_ways`, keys after the query use the upper half of the buckets; otherwise they count as distance 0.
    """

    buckets: int
    farthest: int
    both_ways: bool

    def __post_init__(self) -> None:
        if not 0 < self.buckets // (4 if self.both_ways else 2) < self.farthest:
            raise ValueError(f"{self.buckets} buckets cannot hold distances up to {self.farthest}")

    def __call__(self, weights: Weights, queries: Array, keys: Array) -> Array | None:
        table = weights.find("relative")  # (bucket, head)
        if table is None:
            return None
        if table.ndim != 2 or len(table) != self.buckets:
            raise DocumentError(
                f"{weights.named('relative')} has {len(table)} rows, and config.json says {self.buckets} buckets",
                hint="config.json and the weights contradict each other",
            )
        bias: Array = table.T[:, self.of(keys - queries[:, np.newaxis])]
        return bias

    def of(self, ahead: Array) -> Array:
        """The bucket (query, key) of keys that are `ahead` positions after their query."""
        count = self.buckets // 2 if self.both_ways else self.buckets
        distance = np.abs(ahead) if self.both_ways else np.maximum(-ahead, 0)
        exact = count // 2
        # In float32 like the models' own code, so that distances on the edge of a bucket fall on the same side.
        far = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
        shared = exact + (far / np.float32(math.log(self.farthest / exact)) * np.float32(count - exact)).astype(
            np.int64
        )
        bucket = np.where(distance < exact, distance, np.minimum(shared, count - 1))
        return bucket + count * (ahead > 0) if self.both_ways else bucket


@dataclass(frozen=True)
class CoarseAlibi:
    """ALiBi (arXiv 2108.12409) from slope × position rounded to bfloat16, times `factor` (Falcon)."""

    heads: int
    factor: float

    def __call__(self, weights: Weights, queries: Array, keys: Array) -> Array:
        slopes = bfloat16(Alibi().slopes(self.heads))[:, np.newaxis]
        products = [bfloat16(slopes * bfloat16(positions)) for positions in (queries, keys)]  # (head, token)
        distance = np.abs(products[1][:, np.newaxis] - products[0][:, :, np.newaxis])
        bias: Array = distance * np.float32(-self.factor)
        return bias


def bfloat16(x: Array) -> Array:
    """Numbers rounded to bfloat16, as float32; ties go to even."""
    bits = x.astype(np.float32).view(np.uint32)
    rounded: Array = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return rounded
