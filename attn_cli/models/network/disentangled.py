"""Disentangled attention (DeBERTa): scores between content and distance."""

from dataclasses import dataclass

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.core.ops import split_heads
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Positional:
    """Scores of queries and of keys with vectors of distances (DeBERTa, He et al. 2020, arXiv 2006.03654).

    The table has `span` vectors for keys before the query and `span` for the others. With `logarithmic` buckets, near
    distances have a bucket each, and far ones up to `farthest` share buckets. `scale` multiplies the scores.
    """

    span: int
    farthest: int
    logarithmic: bool
    scale: float
    of_queries: bool
    of_keys: bool
    norm: Norm | None = None

    def __post_init__(self) -> None:
        if not 0 < max(self.span, self.farthest) < 2**40:
            raise ValueError(f"a table of {self.span} vectors for distances up to {self.farthest}")

    def __call__(self, weights: Weights, q: Array, k: Array, queries: Array, keys: Array) -> Array:
        table = weights.matrix("relative")[: 2 * self.span]
        if self.norm is not None:
            table = weights.normed(self.norm, "relative_norm", table)
        buckets = np.clip(self.of(queries[:, np.newaxis] - keys) + self.span, 0, len(table) - 1)  # (query, key)
        bias = np.zeros((len(q), *buckets.shape), np.float32)
        if self.of_queries:
            scores = q @ split_heads(weights.apply("position_k", table), len(q)).swapaxes(-1, -2)
            bias += np.take_along_axis(scores, buckets[np.newaxis], axis=2)
        if self.of_keys:
            scores = k @ split_heads(weights.apply("position_q", table), len(k)).swapaxes(-1, -2)
            bias += np.take_along_axis(scores, buckets.T[np.newaxis], axis=2).swapaxes(-1, -2)
        bias *= np.float32(self.scale)
        return bias

    def of(self, behind: Array) -> Array:
        """The bucket (query, key) of keys that are `behind` positions before their query; negative for later keys."""
        middle = self.span // 2
        distance = np.abs(behind)
        if not self.logarithmic:
            return behind
        # In float32 like the model's own code, so that distances on the edge of a bucket fall on the same side.
        far = np.log(np.maximum(distance, middle).astype(np.float32) / np.float32(middle))
        steps = far / np.log(np.float32((self.farthest - 1) / middle)) * np.float32(middle - 1)
        bucket = (np.ceil(steps).astype(np.int64) + middle) * np.sign(behind)
        return np.where(distance <= middle, behind, bucket)
