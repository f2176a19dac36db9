"""The profile of a head: its attention by the distance between query and key, which keeps its meaning at any length."""

from dataclasses import dataclass

import numpy as np

from attn_cli.trace.trace import Array, Layer

ENDS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
"""The largest distance of each band."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The shares of attention (head, band), averaged over queries, and the names of the bands.

    The first band is the first token, whatever its distance; a band `−4` is the distances 3 and 4 back, `+4` ahead.
    """

    shares: Array
    names: tuple[str, ...]


def profiles(layer: Layer) -> Profile | None:
    """The profile of each head of a layer; None for cross-attention, whose positions are unrelated."""
    offset = layer.first_query
    if offset is None:
        return None
    weights = layer["weights"].astype(np.float64)
    queries, keys = weights.shape[1:]
    back = np.arange(queries)[:, np.newaxis] + offset - np.arange(keys)
    first = np.broadcast_to(np.arange(keys) == 0, back.shape)
    names, bands = ["first"], [first]
    ends = [end for end in ENDS if end <= max(1, 2 * max(queries, keys))]
    ahead = bool(weights[:, back < 0].any())
    for sign, word in ((1, "−"), *(((-1, "+"),) if ahead else ())):
        for least, end in zip((-1, *ends), ends, strict=False):
            band = (sign * back > least) & (sign * back <= end) & ~first
            if end == 0 and sign < 0:
                continue
            if band.any():
                names.append("itself" if end == 0 else f"{word}{end}")
                bands.append(band)
    flat = weights.reshape(len(weights), -1)
    shares = np.stack([flat @ band.reshape(-1) for band in bands], axis=1) / queries
    return Profile(shares, tuple(names))
