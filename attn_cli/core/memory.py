"""Memory for large arrays: held on to, begun where a line of the cache begins, and turned line by line."""

from functools import cache

import numpy as np

from attn_cli.trace.trace import Array

LINE = 64  # bytes in a line of a cache, and in the longest vectors that processors read at once
ROWS, CELLS = 32, 2**12  # the fewest rows, and the fewest numbers, that are turned at a time
LARGEST = 2**25 - 2**16  # bytes in the largest block that glibc learns from, less what it adds to one


@cache
def hold_on() -> None:
    """Let the C library keep memory that is freed, for the next array: the system clears what it gives anew.

    glibc gives back to the system at once what is freed of a block as large as it has not seen freed before, and what
    is free beyond twice of that: mallopt(3), M_MMAP_THRESHOLD. So it is shown a large one. Others take no notice.
    """
    np.empty(LARGEST, np.uint8)


def lined_up(shape: tuple[int, int], dtype: np.dtype[np.generic]) -> Array:
    """An empty array whose first number begins a line: a vector that crosses lines takes two reads."""
    size = shape[0] * shape[1] * dtype.itemsize
    whole = np.empty(size + LINE, np.uint8)
    start = -whole.__array_interface__["data"][0] % LINE
    return whole[start : start + size].view(dtype).reshape(shape)


def turn(x: Array, out: Array) -> None:
    """Copy x (row, column) to `out` (column, row), some rows at a time, so that each line of the cache is used up."""
    rows = max(ROWS, CELLS // max(1, x.shape[1]))
    for start in range(0, len(x), rows):
        out[:, start : start + rows] = x[start : start + rows].T
