"""One format for a table of numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.views.drawing.numbers import form_of


def written(values: list[list[float]], precision: int = 4) -> list[list[str]]:
    array = np.array(values, dtype=np.float64)
    form = form_of(array, precision)
    return [row.split() for row in form.rows(array, [form.width + 2] * array.shape[1])]


def test_numbers_have_the_digits_that_were_asked_for() -> None:
    assert written([[0.25, -1.5]]) == [["0.2500", "-1.5000"]]
    assert written([[0.25, -1.5]], 0) == [["0", "-2"]]


def test_a_small_negative_number_has_no_sign_when_it_reads_as_zero() -> None:
    assert written([[-0.00001, -0.0, 1, -10]]) == [["0.0000", "0.0000", "1.0000", "-10.0000"]]
    assert written([[-0.2, -10]], 0) == [["0", "-10"]]
    assert written([[-0.0, 1e9]], 0) == [["0e+00", "1e+09"]]


@pytest.mark.parametrize("values", [[[1e7, 1.0]], [[1e-5, 2e-6]], [[-3e120, 1.0]], [[1e-300, 0.0]]])
def test_very_large_or_all_very_small_numbers_are_scientific(values: list[list[float]]) -> None:
    assert all("e" in number for row in written(values) for number in row)


def test_a_small_number_among_larger_ones_stays_in_fixed_point() -> None:
    assert written([[1e-7, 0.5]]) == [["0.0000", "0.5000"]]


def test_what_is_not_a_number_has_a_name() -> None:
    assert written([[np.nan, np.inf, -np.inf, 1]], 0) == [["NaN", "inf", "−∞", "1"]]
    assert written([[np.nan, np.inf]]) == [["NaN", "inf"]]


@given(
    st.lists(st.floats(width=64), min_size=1, max_size=5),
    st.integers(0, 17),
)
def test_every_cell_has_its_width_and_a_space_at_both_ends(values: list[float], precision: int) -> None:
    form = form_of(np.array([values]), precision)
    width = form.width + 2
    (row,) = form.rows(np.array([values]), [width] * len(values))
    assert len(row) == width * len(values)
    for place in range(len(values)):
        cell = row[place * width : (place + 1) * width]
        assert cell[0] == cell[-1] == " "
        assert len(cell.split()) == 1


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=5), st.integers(1, 6))
def test_fixed_point_reads_back_to_half_a_unit(values: list[float], precision: int) -> None:
    form = form_of(np.array([values]), precision)
    (row,) = form.rows(np.array([values]), [form.width + 2] * len(values))
    if form.kind == "f":
        np.testing.assert_allclose([float(text) for text in row.split()], values, atol=0.51 * 10**-precision, rtol=0)
    points = [place % (form.width + 2) for place, sign in enumerate(row) if sign == "."]
    assert len(set(points)) == 1
    assert len(points) == len(values)
