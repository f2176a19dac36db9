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
RANDOM = ("coarse", "fine")
"""How finely numbers are drawn: with one decimal, so that products print exactly, or with four."""


def embeddings(seed: int, tokens: Sequence[str], width: int, random: str = "coarse") -> Array:
    """One vector per token (token, feature), drawn from the seed and the token alone: uniform, with variance about 1.

    A token has the same vector at every position; a wider embedding begins with the narrower one. Numbers are
    multiples of 0.1 on ±1.7, or with `random` "fine" of 0.0001 on ±1.7320. A draw is one SHAKE-128 digest of (seed,
    kind, token), read as little-endian 64-bit integers modulo an odd range: integer arithmetic and one division, the
    same on every machine. SpecError where a vector needs more numbers than one digest holds.
    """
    distinct = {token: row for row, token in enumerate(dict.fromkeys(tokens))}
    drawn = b"".join(_digest(seed, "embedding", token, width) for token in distinct)
    vectors = _grid(drawn, 3, 1, random).reshape(len(distinct), width)
    return frozen(vectors[[distinct[token] for token in tokens]] if len(distinct) < len(tokens) else vectors)


def projection(seed: int, name: str, rows: int, columns: int, random: str = "coarse") -> Array:
    """A matrix (rows, columns) drawn from the seed and its name like an embedding, uniform, with variance about 1/rows.

    So an embedding times a projection has variance about 1, and so has q·k/√d. From 76 rows on one decimal is too few
    for that, and "coarse" numbers have two.
    """
    drawn = _digest(seed, "projection", name, rows * columns)
    return frozen(_grid(drawn, 3, rows, random).reshape(rows, columns))


def _digest(seed: int, kind: str, name: str, count: int) -> bytes:
    if count > _MOST:
        raise SpecError(f"{name!r} needs {count} random numbers, {_MOST} is the most", hint="choose a smaller --dim")
    # Numbers and kinds hold no NUL, and the name comes last, so that no two draws share their bytes.
    digest: bytes = shake_128(f"{seed}\0{kind}\0{name}".encode("utf-8", "surrogatepass")).digest(8 * count)
    return digest


def _grid(drawn: bytes, above: int, below: int, random: str) -> Array:
    """Uniform decimals up to ±√(above / below), of 64-bit integers; as few decimals as leave five numbers or more."""
    unit = 10 if random == "coarse" else 10**4
    while (limit := isqrt(above * unit**2 // below)) < 2:
        unit *= 10
    whole = np.frombuffer(drawn, dtype="<u8") % np.uint64(2 * limit + 1)
    return (whole.astype(np.int64) - limit) / unit
