"""Tables of numbers: folding, side by side, colors."""

import re

import numpy as np

from attn_cli.views.display import Display
from attn_cli.views.page import Grid, Numbers
from tests.views.screens import grid, plain, screen


def test_a_table_by_hand() -> None:
    values = np.array([[0.5, -0.25], [-0.00001, 10]])
    assert screen(Numbers((Grid(values, ("Transformers", "are"), ("x", "amazing")),))) == (
        "                    x  amazing\n"
        "Transformers   0.5000  -0.2500\n"
        "are            0.0000  10.0000\n"
    )  # fmt: skip


def test_features_are_numbered_from_0() -> None:
    assert screen(Numbers((grid(1, 3),))).split("\n")[0].split() == ["0", "1", "2"]


def test_hidden_cells_and_what_is_not_a_number_are_told_apart() -> None:
    values = np.array([[1, -np.inf, np.nan, np.inf]])
    assert screen(Numbers((Grid(values, ("a",), None),))).split("\n")[1].split() == ["a", "1", "−∞", "NaN", "inf"]
    assert "-inf" in screen(Numbers((Grid(values, ("a",), None),)), encoding="ascii")


def test_a_wide_table_folds_to_the_width_and_says_so() -> None:
    lines = screen(Numbers((grid(3, 64),))).split("\n")
    assert lines[0].split() == ["0", "1", "2", "3", "…", "61", "62", "63"]
    assert lines[4] == "… 57 more columns; --full shows all"


def test_a_tall_table_shows_its_first_and_last_rows() -> None:
    lines = screen(Numbers((grid(10_000, 2),))).split("\n")
    assert [line.split()[0] for line in lines[1:27]] == [
        *(f"word{place}" for place in range(12)),
        "⋮",
        *(f"word{place}" for place in range(9988, 10_000)),
        "…",
    ]
    assert lines[26] == "… 9,976 more rows; --full shows all"


def test_full_prints_every_number_in_blocks_of_columns() -> None:
    shown = grid(30, 64)
    text = screen(Numbers((shown,)), display=Display(full=True))
    assert "…" not in text
    assert "⋮" not in text
    found = [float(number) for number in re.findall(r"-?\d\.\d{4}", text)]
    assert sorted(found) == sorted(float(f"{value:.4f}") for value in shown.values.ravel())
    assert text.count("word29") == text.count("\n\n") + 1 > 5


def test_heads_stand_side_by_side_where_they_fit() -> None:
    heads = Numbers(tuple(grid(3, 3, title=f"head {place}") for place in range(3)))
    assert screen(heads, width=120).split("\n")[0].split("head") == ["", f"{' 0':32}", f"{' 1':32}", " 2"]
    assert screen(heads, width=68).split("\n")[0].count("head") == 1
    assert screen(heads, width=69).split("\n")[0].count("head") == 2


def test_all_heads_have_one_format_and_one_scale_of_colors() -> None:
    small, large = np.full((1, 1), 0.5), np.full((1, 1), 1000.0)
    heads = tuple(Grid(values, ("a",), None, signed=False) for values in (small, large))
    line = plain(screen(Numbers(heads), color="truecolor")).split("\n")[1]
    assert re.findall(r"a +[\d.]+", line) == ["a     0.5", "a  1000.0"]
    text = screen(Numbers(heads), color="truecolor")
    assert "48;2;68;1;84m" in text
    assert "48;2;253;231;36m" in text


def test_signed_numbers_are_colored_around_0() -> None:
    values = np.array([[-1.0, 0.0, 0.5]])
    for background in ("dark", "light"):
        text = screen(Numbers((Grid(values, ("a",), None),)), color="truecolor", background=background)
        assert "48;2;" not in text  # the digits are colored, not their cells
        blue, middle, red = [tuple(map(int, color)) for color in re.findall(r"38;2;(\d+);(\d+);(\d+)m", text)]
        assert blue[2] > blue[0]
        assert max(middle) - min(middle) < 8  # gray
        assert red[0] > red[2]


def test_a_note_of_a_grid_stands_below_it() -> None:
    shown = Grid(np.ones((1, 1)), ("a",), None, note="of heads 0, 1")
    assert screen(Numbers((shown,))).split("\n")[2] == "of heads 0, 1"
