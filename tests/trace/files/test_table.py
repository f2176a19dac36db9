"""A matrix from text."""

from io import BytesIO

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.trace.files.table import read_csv_matrix
from attn_cli.trace.trace import Array


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ", "])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_between_any_delimiter_are_a_matrix(delimiter: str, ending: str) -> None:
    lines = [delimiter.join(row) for row in (["1", "-2.5", "3e-1"], ["4", ".5", "6."])]
    found = read_csv_matrix(b"\xef\xbb\xbf" + ending.join(["", *lines, "", ""]).encode(), "x")
    np.testing.assert_array_equal(found, [[1, -2.5, 0.3], [4, 0.5, 6]])
    assert not found.flags.writeable


def test_what_numpy_writes_reads_back() -> None:
    array: Array = np.random.default_rng(0).normal(size=(5, 7))
    out = BytesIO()
    np.savetxt(out, array)
    np.testing.assert_array_equal(read_csv_matrix(out.getvalue(), "x"), array)


def test_words_for_numbers_are_left_for_the_caller_to_judge() -> None:
    np.testing.assert_array_equal(read_csv_matrix(b"-inf,nan\ninf,1", "x"), [[-np.inf, np.nan], [np.inf, 1]])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "x: is empty", "matrix"),
        ("1,2\n\n3\n", "x: line 3: expected 2 numbers, as in line 1, found 1", "same length"),
        ("1,2\n3,x\n", 'x: line 2, column 2: expected a number, found "x"', "every cell"),
        ("1,2\n3,\n", "x: line 2, column 2: expected a number, found nothing", "every cell"),
        ("a,b\n1,2\n", 'x: line 1, column 1: expected a number, found "a"', "leave out the line of names"),
        ("1_0,2\n", 'x: line 1, column 1: expected a number, found "1_0"', "every cell"),
        ("1,\u0662\n", "x: line 1, column 2: expected a number", "every cell"),
        ("1,5;2,5\n", 'x: line 1, column 1: expected a number, found "1,5"', "with a point"),
        ("layer,head,stage,row,column,row_token,column_token,value\n", "x: is the CSV that attn writes", "--json"),
    ],
)
def test_what_is_no_matrix_is_refused_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}") as caught:
        read_csv_matrix(text.encode(), "x")
    assert hint in caught.value.hint
