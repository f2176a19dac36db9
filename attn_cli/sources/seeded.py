"""Random embeddings and projections, the same on every machine, without a generator's state."""

from collections.abc import Sequence
from math import isqrt

import numpy as np

from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array, frozen

try:  # hashlib would load all of OpenSSL
    from _sha3 import shake_128  # type: ignore[import-not-found]
except ImportError:
    from hashlib import shake_128

_MOST = 2**26 - 1  # a digest of 8 bytes each has to stay under 2**29 bytes


def embeddings(seed: int, tokens: Sequence[str], width: int) -> Array:
    """One vector per token (token, feature), drawn from the seed and the token alone: uniform on ±1.7320, variance 1.

    A token has the same vector at every position; a wider embedding begins with the narrower one. Every number has four
    decimals. A draw is one SHAKE-128 digest of (seed, kind, token), read as little-endian 64-bit integers modulo an odd
    range: integer arithmetic and one division, the same on every machine. SpecError if a vector needs more numbers than
    one digest holds.
    """
    distinct = {token: row for row, token in enumerate(dict.fromkeys(tokens))}
    drawn = b"".join(_digest(seed, "embedding", token, width) for token in distinct)
    vectors = _grid(drawn, limit=isqrt(3 * 10**8)).reshape(len(distinct), width)
    return frozen(vectors[[distinct[token] for token in tokens]] if len(distinct) < len(tokens) else vectors)


def projection(seed: int, name: str, rows: int, columns: int) -> Array:
    """A matrix (rows, columns) drawn from the seed and its name like an embedding, uniform with variance 1/rows.

    An embedding times a projection then has variance about 1, as has q·k/√d.
    """
    drawn = _digest(seed, "projection", name, rows * columns)
    return frozen(_grid(drawn, limit=isqrt(3 * 10**8 // rows)).reshape(rows, columns))


def _digest(seed: int, kind: str, name: str, count: int) -> bytes:
    if count > _MOST:
        raise SpecError(f"{name!r} needs {count} random numbers, {_MOST} is the most", hint="choose a smaller --dim")
    # Numbers and kinds hold no NUL, and the name comes last, so that no two draws share their bytes.
    digest: bytes = shake_128(f"{seed}\0{kind}\0{name}".encode("utf-8", "surrogatepass")).digest(8 * count)
    return digest


def _grid(drawn: bytes, limit: int) -> Array:
    """Uniform multiples of 1/10,000 between ±limit/10,000, from bytes read as 64-bit integers."""
    whole = np.frombuffer(drawn, dtype="<u8") % np.uint64(2 * limit + 1)
    return (whole.astype(np.int64) - limit) / 10000.0
