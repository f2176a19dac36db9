"""Softmax, and the cutting of arrays into heads."""

import numpy as np

from attn_cli.trace.trace import Array


def softmax(scores: Array, out: Array | None = None) -> Array:
    """Turn scores (…, key) into weights that sum to 1 over keys; a row with nothing visible stays all zero.

    The row's largest score is subtracted first, so that no exponential overflows.
    """
    peak = scores.max(axis=-1, keepdims=True)
    np.copyto(peak, 0, where=np.isneginf(peak))
    weights: Array = np.subtract(scores, peak, out=out)
    np.exp(weights, out=weights)
    total = weights.sum(axis=-1, keepdims=True)
    np.copyto(total, 1, where=total == 0)
    weights /= total
    return weights


def split_heads(x: Array, heads: int) -> Array:
    """Cut features side by side (token, head · feature) into (head, token, feature)."""
    return np.ascontiguousarray(x.reshape(len(x), heads, -1).swapaxes(0, 1))


def join_heads(x: Array) -> Array:
    """Lay heads (head, token, feature) side by side again (token, head · feature)."""
    return np.ascontiguousarray(x.swapaxes(0, 1)).reshape(x.shape[1], -1)


def by_key_head(x: Array, kv_heads: int) -> Array:
    """Group query heads (head, …) by the key head they share: (key head, query head in the group, …)."""
    return x.reshape(kv_heads, len(x) // kv_heads, *x.shape[1:])
