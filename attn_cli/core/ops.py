"""Softmax, and the cutting of arrays into heads."""

import numpy as np

from attn_cli.trace.trace import Array


def softmax(scores: Array, sinks: Array | None = None, out: Array | None = None) -> tuple[Array, Array]:
    """Turn scores (…, key) into weights that sum to 1 over keys, and the share (…) that a sink took from them.

    A row with nothing visible stays all zero. `sinks` (…, 1) stand in the sum like one more key; the share is 0
    without them. The row's largest score is subtracted first, so that no exponential overflows.
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
    """Cut features side by side (token, head · feature) into (head, token, feature)."""
    return np.ascontiguousarray(x.reshape(len(x), heads, -1).swapaxes(0, 1))


def join_heads(x: Array) -> Array:
    """Lay heads (head, token, feature) side by side again (token, head · feature)."""
    return np.ascontiguousarray(x.swapaxes(0, 1)).reshape(x.shape[1], -1)
