"""Pictures: cells by hand, labels, pooling, small multiples, the color bar."""

import re

import numpy as np
import pytest

from attn_cli.views.display import Display
from attn_cli.views.drawing.pictures.titles import short_titles
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Grid, Picture
from tests.views.screens import grid, plain, screen


def square(values: list[list[float]], *, signed: bool = False) -> Grid:
    names = tuple("abcdefgh"[: len(values)])
    return Grid(np.array(values, dtype=np.float64), names, names, signed=signed)


def test_a_picture_without_color_by_hand() -> None:
    picture = Picture((square([[1, 0, -np.inf], [0.3, 0.5, 0.7], [0, np.nan, 1]]),), "share of attention")
    assert screen(picture) == (
        "   a  b  c\n"
        "a ██     ·\n"
        "b ▂▂ ▄▄ ▆▆\n"
        "c     ? ██\n"
        "\n"
        "0 |   ▁▁▁▂▂▃▃▃▄▄▄▅▅▆▆▆▇▇▇██| 1   share of attention, · masked, ? not a number\n"
    )  # fmt: skip


@pytest.mark.parametrize("system", ["truecolor", "256"])
def test_a_picture_in_color_has_the_darkest_and_the_brightest_level(system: str) -> None:
    text = screen(Picture((square([[1, 0], [0, 1]]),)), color=system)
    cells_ = re.findall(r"\x1b\[48;[\d;]+m {3}\x1b\[0m", text.split("\n\n")[0])
    assert len(cells_) == 4
    assert cells_[0] == cells_[3] != cells_[1] == cells_[2]


def test_rows_carry_the_numbers_that_columns_show() -> None:
    lines = screen(Picture((grid(12, 12, tokens=True),)), width=60).split("\n")
    assert lines[0].split() == ["0", "2", "4", "6", "8", "10"]
    assert lines[1].startswith(" 0 word0")
    assert lines[12].startswith("11 word11")


def test_columns_that_are_other_tokens_have_a_key() -> None:
    picture = Picture((Grid(np.ones((2, 3)), ("a", "b"), ("first", "second", "third"), signed=False),) * 2)
    assert screen(picture).split("\n")[0].split() == ["first", "second", "third"] * 2
    assert "columns: 0 first · 1 second · 2 third" in " ".join(screen(picture, width=24).split())


def test_a_matrix_larger_than_the_screen_is_pooled_and_says_so() -> None:
    values = np.kron(np.eye(50), np.ones((10, 10)))
    names = tuple(map(str, range(500)))
    for color in ("truecolor", None):
        text = screen(Picture((Grid(values, names, names, signed=False),)), width=80, color=color)
        assert re.search(r"largest weight of \d+ × \d+ tokens; --full", " ".join(plain(text).split()))
        assert text.count("\n") < 55


def test_full_pools_nothing() -> None:
    text = screen(Picture((grid(100, 100, signed=False),)), display=Display(full=True))
    assert "mean" not in text
    assert text.count("word99") == 3


def test_many_heads_are_small_pictures_of_16_tokens_at_least() -> None:
    heads = Picture(tuple(grid(50, 50, seed=n, title=f"L0.{n}", signed=False) for n in range(36)))
    lines = plain(screen(heads, color="truecolor")).split("\n")
    assert lines[0].split() == [f"L0.{head}" for head in range(5)]
    assert {len(part) for part in lines[1].split(" ")} == {13}  # 50 tokens, 4 a cell
    text = " ".join(plain(screen(heads, color="truecolor", display=Display(pool="mean"))).split())
    assert "Each cell shows the mean of 4 × 4 tokens; --full shows every token" in text
    assert screen(heads, color="truecolor") != screen(heads, color="truecolor", display=Display(pool="mean"))


def test_titles_are_shortened_only_as_far_as_they_must_be() -> None:
    titles = ["layers.0 head 0", "layers.0 head 11"]
    assert short_titles(titles, 16) == titles
    assert short_titles(titles, 8) == ["0", "11"]
    assert short_titles(["layers.0 head 1", "layers.1 head 1"], 9) == ["0.1", "1.1"]
    assert short_titles(["mean", "mean"], 3) == ["mean", "mean"]
    assert short_titles(["L1.0 · induction 1.00", "L1.1 · sink on the 0.31"], 20) == ["L1.0", "L1.1"]


def test_all_heads_share_one_scale_and_one_bar() -> None:
    heads = tuple(
        Grid(np.full((2, 2), value), ("a", "b"), None, title=name, signed=False)
        for name, value in (("low", 0.1), ("high", 0.9))
    )
    text = screen(Picture(heads))
    assert text.count("|") == 2
    assert "| 0.9\n" in text
    assert text.split("\n")[2].split() == ["a", "▁▁▁", "▁▁▁", "███", "███"]  # one column of labels for both


def test_half_blocks_show_two_rows_a_line() -> None:
    values = np.zeros((3, 40))
    values[0], values[1, 1:], values[2, 2] = 1, -np.inf, np.nan
    text = screen(Picture((Grid(values, ("a", "b", "c"), None, signed=False),)), color="truecolor", width=60)
    lines = plain(text).split("\n")
    assert lines[1] == "a " + "▀" * 40
    assert lines[2] == "c " + "▀▀?" + "▀" * 37
    assert "·" in lines[4] or "hidden" in lines[4]


def test_numbers_in_cells_have_two_digits_unless_asked_for_others() -> None:
    picture = Picture((square([[0.123456, 0.5], [1, 0]]),))
    assert "0.12 " in screen(picture, display=Display(numbers=True))
    assert "0.123456" in screen(picture, display=Display(numbers=True, precision=6))


def test_a_sequential_palette_spans_signed_numbers_from_the_smallest() -> None:
    picture = Picture((square([[-1, 3], [0, 0]], signed=True),))
    for display, lowest in ((Display(palette="viridis"), "-1"), (Display(), "-3")):
        assert plain(screen(picture, display=display, color="truecolor")).split("\n")[-2].split()[0] == lowest


def test_a_few_signed_numbers_without_color_are_numbers() -> None:
    text = screen(Picture((square([[-1, 3], [0, 0]], signed=True),)))
    assert [line.split()[1:] for line in text.splitlines()[1:]] == [["-1", "3"], ["0", "0"]]
    assert "█" in screen(Picture((grid(30, 30, signed=True),)))


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("color", ["truecolor", "standard", None])
def test_cells_begin_in_the_same_column_in_every_row(width: int, color: str | None) -> None:
    names = ("漢字", "שלום", "👨‍👩‍👧", "e\u0301", "\x1b[31m", "x" * 40)
    values = np.where(np.eye(6, dtype=bool), np.nan, 1.0)
    lines = plain(screen(Picture((Grid(values, names, None, signed=False),)), width=width, color=color)).split("\n")
    marks = [cells(line[: line.index("?")]) for line in lines[1:7]]
    assert len(set(np.diff(marks).tolist())) == 1
