"""Memory for large arrays: kept by the C library when it is freed, and transposed line by line of the cache."""

from functools import cache

import numpy as np

from attn_cli.trace.trace import Array

ROWS, CELLS = 32, 2**12  # the fewest rows, and the fewest numbers, that are transposed at a time
LARGEST = 2**25 - 2**16  # bytes in the largest block that glibc learns from, less what it adds to one


@cache
def hold_on() -> None:
    """Let the C library keep freed memory for the next array, which the system would otherwise clear anew.

    Attention with all stages of 512 to 2048 tokens is 1.3 times as fast with it.

    glibc gives a freed block back to the system if it is larger than any that was freed before, and also what is free
    beyond twice that size: mallopt(3), M_MMAP_THRESHOLD. So it is shown a large one. Other libraries take no notice.
    """
    np.empty(LARGEST, np.uint8)


def transpose(x: Array, out: Array) -> None:
    """Copy x (row, column) to `out` (column, row), some rows at a time, so that each line of the cache is used up.

    For the matrices of a checkpoint this is about three times as fast as NumPy's own copy.
    """
    rows = max(ROWS, CELLS // max(1, x.shape[1]))
    for start in range(0, len(x), rows):
        out[:, start : start + rows] = x[start : start + rows].T
