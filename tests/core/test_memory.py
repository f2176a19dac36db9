"""Memory for arrays: where it begins, and matrices turned."""

import numpy as np
import pytest

from attn_cli.core.memory import LINE, lined_up, turn


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (768, 128), (0, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_begins_where_a_line_of_the_cache_does(shape: tuple[int, int], dtype: str) -> None:
    arrays = [lined_up(shape, np.dtype(dtype)) for _ in range(5)]
    for array in arrays:
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.ctypes.data % LINE == 0 or not array.size
        assert array.flags.c_contiguous
        assert array.flags.writeable


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (31, 200), (100, 129), (5000, 3)])
def test_a_matrix_turned_is_the_transposed_one(shape: tuple[int, int]) -> None:
    x = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = np.full(shape[::-1], -1, np.float32)
    turn(x, out)
    np.testing.assert_array_equal(out, x.T)
