"""Tables made to fit: fewer digits, then shorter labels, and only then fewer columns."""

import re

import numpy as np
import pytest

from attn_cli.views.display import Display
from attn_cli.views.drawing.numbers import digits_needed
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Grid, Numbers
from tests.views.screens import grid, plain, screen

WORDS = ("The", "old", "cat", "sat", "on", "the", "mat", "because", "it", "was", "very", "tired")


def weights(count: int) -> Grid:
    """Rows that sum to 1, most of it in a column in the middle, which a fold to both ends would hide."""
    values = np.full((count, count), 0.3999 / (count - 1))
    values[:, count // 2] = 0.6001
    return Grid(values, WORDS[:count], WORDS[:count], signed=False)


def digits(text: str) -> set[int]:
    """How many digits the numbers of a text have after the point."""
    return {len(number) for number in re.findall(r"\.(\d+)(?=\s|$)", text)}


@pytest.mark.parametrize(
    ("count", "width", "expected"), [(3, 80, 4), (9, 80, 4), (10, 80, 3), (12, 80, 2), (12, 120, 4)]
)
def test_digits_go_before_columns_do(count: int, width: int, expected: int) -> None:
    text = screen(Numbers((weights(count),)), width=width)
    assert digits(text) == {expected}
    assert "…" not in text
    assert (f"{expected} digits, to fit {width} columns; --precision 4 shows more" in text) == (expected < 4)


def test_two_digits_have_no_zero_before_the_point_unless_a_number_is_larger_than_1() -> None:
    row = screen(Numbers((weights(12),))).split("\n")[1].split()
    assert row[:2] == ["The", ".04"]
    assert ".60" in row
    large = Grid(weights(12).values * 20, WORDS, WORDS, signed=False)
    assert "0.73" in screen(Numbers((large,)), width=100)


def test_labels_are_cut_only_where_two_digits_do_not_fit() -> None:
    names = tuple(f"{word}-{word}" for word in WORDS)
    text = screen(Numbers((Grid(weights(12).values, names, names, signed=False),)))
    assert digits(text) == {2}
    assert "of-the" not in text
    header = text.split("\n")[0].split()
    assert len(header) == 12
    assert all(name.endswith("…") for name in header)


def test_columns_with_the_largest_weights_are_the_last_to_go() -> None:
    lines = screen(Numbers((weights(12),)), width=40).split("\n")
    assert "mat" in lines[0]
    assert all(".60" in line for line in lines[1:13])
    assert re.fullmatch(r"… \d+ more columns with smaller weights;", lines[13])


def test_digits_that_were_asked_for_stay() -> None:
    text = screen(Numbers((weights(12),)), display=Display(precision=4, exact=True))
    assert digits(text) == {4}
    assert "more columns with smaller weights" in text


def test_the_digits_are_said_once_a_page() -> None:
    text = screen(Numbers((weights(12),)), Numbers((weights(12),)))
    assert text.count("to fit 80 columns") == 1


def test_features_fold_to_both_ends_with_all_their_digits() -> None:
    lines = screen(Numbers((grid(3, 64),))).split("\n")
    assert lines[0].split() == ["0", "1", "2", "3", "…", "61", "62", "63"]
    assert digits(lines[1]) == {4}


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("count", [1, 2, 5, 9, 12])
def test_a_table_is_never_wider_than_the_screen(count: int, width: int) -> None:
    for shown in (weights(count) if count > 1 else grid(1, 1), grid(count, count, tokens=True), grid(count, 4 * count)):
        for line in screen(Numbers((shown, shown)), width=width).split("\n"):
            assert cells(line) <= width


def test_a_higher_screen_shows_more_rows() -> None:
    shown = grid(60, 2)
    assert "… 36 more rows" in screen(Numbers((shown,)))
    assert "… 8 more rows" in screen(Numbers((shown,)), height=60)


def test_masked_weights_are_dots_and_masked_scores_are_minus_infinity() -> None:
    values = np.array([[1, -np.inf], [0.5, 0.5]])
    for mask, row in (("·", ["a", "1.0", "·"]), ("−∞", ["a", "1.0", "−∞"])):
        lines = screen(Numbers((Grid(values, ("a", "b"), ("a", "b"), signed=False, mask=mask),))).split("\n")
        assert lines[1].split() == row
        assert cells(lines[1]) == cells(lines[2])
    assert "_" in screen(Numbers((Grid(values, ("a", "b"), None, mask="·"),)), encoding="ascii")


def test_masked_cells_of_weights_have_the_background_of_the_screen() -> None:
    values = np.array([[1, -np.inf], [0.5, 0.0]])
    text = screen(Numbers((Grid(values, ("a", "b"), ("a", "b"), signed=False, mask="·"),)), color="truecolor")
    hidden = next(line for line in text.split("\n") if "·" in line)
    assert re.search(r"\x1b\[2m +·\x1b\[0m", hidden)
    assert "48;2;68;1;84m" in text  # 0.0 is the lowest color
    assert "·" in plain(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, -2, 30], 0),
        ([0.5, 1], 1),
        ([0.1 + 0.2, 0.7], 1),
        ([1.25, -np.inf, np.nan], 2),
        ([1 / 3, 1], 4),
        ([0, 0], 0),
        ([1e-9, 1], 4),
        ([123456.7], 1),
        ([], 0),
    ],
)
def test_numbers_have_only_the_digits_that_they_need(values: list[float], expected: int) -> None:
    assert digits_needed(np.array(values, dtype=np.float64), 4) == expected


def test_float32_numbers_need_the_digits_that_they_were_typed_with() -> None:
    assert digits_needed(np.array([0.1, -1.7], np.float32), 4) == 1


def test_precision_that_is_asked_for_is_kept() -> None:
    block = Numbers((Grid(np.array([[0.5]]), ("a",), None),))
    assert screen(block, display=Display(precision=3, exact=True)).split("\n")[1].split() == ["a", "0.500"]
    assert screen(block).split("\n")[1].split() == ["a", "0.5"]
