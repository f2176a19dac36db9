"""A matrix from text."""

import csv
from contextlib import suppress
from io import BytesIO, StringIO
from time import process_time

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.files.matrix import read_csv
from attn_cli.trace.trace import Array


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ", "])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_between_any_delimiter_are_a_matrix(delimiter: str, ending: str) -> None:
    lines = [delimiter.join(row) for row in (["1", "-2.5", "3e-1"], ["4", ".5", "6."])]
    matrix = read_csv(b"\xef\xbb\xbf" + ending.join(["", *lines, "", ""]).encode(), "x")
    np.testing.assert_array_equal(matrix.numbers, [[1, -2.5, 0.3], [4, 0.5, 6]])
    assert not matrix.numbers.flags.writeable
    assert (matrix.rows, matrix.columns) == (None, None)


def test_what_numpy_writes_reads_back() -> None:
    array: Array = np.random.default_rng(0).normal(size=(5, 7))
    out = BytesIO()
    np.savetxt(out, array)
    np.testing.assert_array_equal(read_csv(out.getvalue(), "x").numbers, array)


def test_words_for_numbers_are_left_for_the_caller_to_judge() -> None:
    np.testing.assert_array_equal(read_csv(b"-inf,nan\ninf,1", "x").numbers, [[-np.inf, np.nan], [np.inf, 1]])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "x: is empty", "matrix"),
        ("1,2\n\n3\n", "x: line 3: expected 2 numbers, as in line 1, found 1", "same length"),
        ("1,2\n3,x\n", 'x: line 2, column 2: expected a number, found "x"', "every cell"),
        ("1,2\n3,\n", "x: line 2, column 2: expected a number, found nothing", "every cell"),
        ("a,b\n1,2\n3,x\n", 'x: line 3, column 2: expected a number, found "x"', "every cell"),
        (",a,b\na,1,2\nb,3,\n", "x: line 3, column 3: expected a number, found nothing", "every cell"),
        ("x,2\n1,3\n4,5\n", 'x: line 1, column 1: expected a number, found "x"', "every cell"),
        ("a,b,c\n1,2\n3,4\n", "x: line 1: 3 words label 2 columns", "one word"),
        (",a,b\na,1\n", "x: line 1: 2 words label 1 columns", "one word"),
        ("x" * 200_000 + ",1\n", "x: line 1: is not a row of cells", "quotation mark"),
        ("1_0,2\n", 'x: line 1, column 1: expected a number, found "1_0"', "every cell"),
        ("1,\u0662\n", "x: line 1, column 2: expected a number", "every cell"),
        ("1,5;2,5\n", 'x: line 1, column 1: expected a number, found "1,5"', "with a point"),
        ("layer,head,stage,row,column,row_token,column_token,value\n", "x: is the CSV that attn writes", "--json"),
    ],
)
def test_what_is_no_matrix_is_refused_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError, match=f"^{message}") as caught:
        read_csv(text.encode(), "x")
    assert hint in caught.value.hint


THE = ("the", 'a "cat", sat', "\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("corner", ["", "token", None])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("index", [True, False])
def test_words_in_the_first_row_and_column_are_labels(
    delimiter: str, corner: str | None, header: bool, index: bool
) -> None:
    out = StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    if header:
        writer.writerow([*([corner] if index and corner is not None else []), *THE])
    for word, row in zip(THE, np.eye(3).tolist(), strict=True):
        writer.writerow([*([word] if index else []), *row])
    matrix = read_csv(out.getvalue().encode(), "x")
    np.testing.assert_array_equal(matrix.numbers, np.eye(3))
    assert matrix.columns == (THE if header else None)
    assert matrix.rows == (THE if index else None)


def test_an_empty_corner_makes_labels_of_numbers_too() -> None:
    matrix = read_csv(b",0,1\n0,0.5,0.5\n1,0.1,0.9\n", "x")
    assert (matrix.rows, matrix.columns) == (("0", "1"), ("0", "1"))
    np.testing.assert_array_equal(matrix.numbers, [[0.5, 0.5], [0.1, 0.9]])


def test_tokens_that_look_like_numbers_may_stand_among_words() -> None:
    matrix = read_csv(b",[CLS],5,nan\n[CLS],1,0,0\n5,0,1,0\nnan,0,0,1\n", "x")
    assert matrix.rows == matrix.columns == ("[CLS]", "5", "nan")


@pytest.mark.parametrize(
    "text", ["1" * 100_000, "1" * 1_000_000 + "x", "1," * 200_000 + "x", "1e" * 300_000, "," * 500_000]
)
def test_a_line_of_a_megabyte_takes_linear_time(text: str) -> None:
    start = process_time()
    kind_of(text.encode())
    with suppress(DocumentError):
        read_csv(text.encode(), "x")
    assert process_time() - start < 2
