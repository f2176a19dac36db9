"""Numbers from lists and arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attn_cli.errors import DocumentError
from attn_cli.trace.files.checker import to_array
from attn_cli.trace.trace import shape_words

BOTH = (2, 3)
INF = float("inf")
NAN = float("nan")


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=1, max_dims=3), elements=st.floats(-1e9, 1e9)))
def test_a_nested_list_is_the_array_it_came_from(array: np.ndarray[Any, Any]) -> None:
    found = to_array(array.tolist(), "x", (array.ndim,))
    assert found.dtype == np.float64
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2], [3]], r"W_Q\[1\]: expected 2 numbers, as in W_Q\[0\], found 1"),
        ([[1], []], r"W_Q\[1\]: expected 1 number, as in W_Q\[0\], found 0"),
        ([[[1, 2], [3, 4]], [[5, 6], [7]]], r"W_Q\[1\]\[1\]: expected 2 numbers, as in W_Q\[0\]\[0\], found 1"),
        ([[[1, 2], [3, 4]], [[5, 6]]], r"W_Q\[1\]: expected 2 rows, as in W_Q\[0\], found 1"),
        ([[1, 2], [3, "4.0"]], r'W_Q\[1\]\[1\]: expected a number, found "4.0"'),
        ([[1, True]], r"W_Q\[0\]\[1\]: expected a number, found true"),
        ([[1, None]], r"W_Q\[0\]\[1\]: expected a number, found null"),
        ([[1, {}]], r"W_Q\[0\]\[1\]: expected a number, found an object"),
        ([[1, [2]]], r"W_Q\[0\]\[1\]: expected a number, found a list"),
        ([[1, 2], 3], r"W_Q\[1\]: expected a list of numbers, found 3"),
        ([[1, 2], None], r"W_Q\[1\]: expected a list of numbers, found null"),
        ([["NaN"]], r'W_Q\[0\]\[0\]: expected a number, found "NaN"'),
        ([[1.0], [NAN]], r"W_Q\[1\]\[0\]: expected a finite number, found NaN"),
        ([[1.0, -INF]], r"W_Q\[0\]\[1\]: expected a finite number, found -Infinity"),
        ([[1.0, -(10**400)]], r"W_Q\[0\]\[1\]: expected a number up to 1\.8e308, found a whole number of 401 digits"),
        ([], "W_Q: expected numbers, found an empty list"),
        ([[]], r"W_Q\[0\]: expected numbers, found an empty list"),
        ([1, 2], r"W_Q: expected a matrix .* found a list of 2"),
        ([[[[1]]], [[[2]]]], "W_Q: batch of 2: one document holds one text"),
        ([[[[[1]]]]], r"W_Q: expected .* found 5 dimensions \(1×1×1×1×1\)"),
        (None, "W_Q: expected a matrix .* found null"),
        ("x", 'W_Q: expected a matrix .* found "x"'),
        (3, "W_Q: expected a matrix .* found 3"),
        (np.ones((2, 2), bool), "W_Q: expected numbers, found true and false"),
        (np.ones((2, 2), complex), "W_Q: expected numbers, found complex numbers"),
        (np.array([["a"]]), "W_Q: expected numbers, found strings"),
        (np.array([[None]]), "W_Q: expected numbers, found objects"),
        (np.ones((2, 2), "V2"), r"W_Q: expected numbers, found an array of \|V2"),
        (np.ones((0, 2)), r"W_Q: expected a matrix .* found an empty array \(0×2\)"),
        (np.ones(()), "W_Q: expected a matrix .* found one number"),
        (np.ones((2, 1, 1, 1)), "W_Q: batch of 2: one document holds one text"),
        (np.array([[1, 2], [3, INF]]), r"W_Q\[1\]\[1\]: expected a finite number, found Infinity"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=f"^p.json: {message}$") as caught:
        to_array(value, "p.json: W_Q", BOTH)
    assert caught.value.hint


def test_a_list_nested_beyond_all_measure_is_refused() -> None:
    value: Any = 1
    for _ in range(900):
        value = [value]
    with pytest.raises(DocumentError, match="found 900 dimensions"):
        to_array(value, "x", BOTH)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("float16", "float16"),
        ("float32", "float32"),
        (">f4", "float32"),
        ("float64", "float64"),
        ("longdouble", "float64"),
        ("int8", "float64"),
        ("uint64", "float64"),
    ],
)
def test_floats_keep_their_dtype_and_whole_numbers_become_float64(dtype: str, kept: str) -> None:
    found = to_array(np.array([[1, 2, 3]], dtype), "x", BOTH)
    assert found.dtype == np.dtype(kept)
    np.testing.assert_array_equal(found, [[1, 2, 3]])


def test_a_leading_batch_of_one_is_taken_away() -> None:
    assert to_array([[[[1, 2, 3]]]], "x", BOTH).shape == (1, 1, 3)
    assert to_array(np.ones((1, 5, 7)), "x", (2,)).shape == (5, 7)


def test_a_vector_has_no_batch() -> None:
    with pytest.raises(DocumentError, match=r"expected a list of numbers \(n\), found 2 dimensions \(1×2\)"):
        to_array([[1, 2]], "x", (1,))


def test_a_trace_spells_what_json_has_not() -> None:
    found = to_array([["NaN", "Infinity"], ["-Infinity", None], [1, 2.5], [NAN, -INF]], "x", BOTH, special=True)
    np.testing.assert_array_equal(found, [[NAN, INF], [-INF, -INF], [1, 2.5], [NAN, -INF]])
    np.testing.assert_array_equal(to_array([[1, None]], "x", BOTH, special=True, null=NAN), [[1, NAN]])
    array = np.array([[NAN, -INF]], np.float32)
    np.testing.assert_array_equal(to_array(array, "x", BOTH, special=True), array)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([["Infinity"], ["inf"]], r'x\[1\]\[0\]: expected a number, or one of NaN, Infinity, -Infinity, found "inf"'),
        ([["NaN", True]], r"x\[0\]\[1\]: expected a number, found true"),
    ],
)
def test_a_trace_spells_it_in_no_other_way(value: Any, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        to_array(value, "x", BOTH, special=True)


def test_null_can_be_refused() -> None:
    with pytest.raises(DocumentError, match=r"x\[0\]\[1\]: expected a number, found null"):
        to_array([["NaN", None]], "x", BOTH, special=True, null=None)


def test_a_shape_is_written_with_crosses() -> None:
    assert shape_words((3, 4)) == "3×4"
