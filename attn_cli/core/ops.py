"""Softmax, and splitting and joining heads."""

import numpy as np

from attn_cli.trace.trace import Array


def softmax(scores: Array, sinks: Array | None = None, out: Array | None = None) -> tuple[Array, Array]:
    """Weights (…, key) that sum to 1 over keys, and the sink's share (…) of each row.

    A row of −∞ gives zeros. `sinks` (…, 1) count as one more key's score; without them the share is 0.
    The row's largest score is subtracted first, so that no exponential overflows.
    """
    peak = scores.max(axis=-1, keepdims=True)
    if sinks is not None:
        peak = np.maximum(peak, sinks)
    np.copyto(peak, 0, where=np.isneginf(peak))
    weights: Array = np.subtract(scores, peak, out=out)
    np.exp(weights, out=weights)
    total = weights.sum(axis=-1, keepdims=True)
    sunk = np.zeros_like(total) if sinks is None else np.exp(sinks - peak)
    total += sunk
    np.copyto(total, 1, where=total == 0)
    weights /= total
    return weights, (sunk / total)[..., 0]


def split_heads(x: Array, heads: int) -> Array:
    """Split (token, head · feature) into (head, token, feature)."""
    return np.ascontiguousarray(x.reshape(len(x), heads, -1).swapaxes(0, 1))


def join_heads(x: Array) -> Array:
    """Join (head, token, feature) into (token, head · feature)."""
    return np.ascontiguousarray(x.swapaxes(0, 1)).reshape(x.shape[1], -1)
