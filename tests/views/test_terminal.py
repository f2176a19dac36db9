"""A page on terminals of every width and color."""

import re
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from attn_cli.views.display import Display
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Equation, Grid, Heading, Listing, Numbers, Picture, Prose
from attn_cli.views.terminal import TerminalPage
from tests.views.screens import HOSTILE, SYSTEMS, all_blocks, grid, hostile_grid, plain, printed_by_rich, screen

WIDTHS = (20, 40, 80, 200)
LOOKS = (Display(), Display(full=True), Display(numbers=True), Display(precision=1, palette="cividis"))
CODES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("display", LOOKS, ids=("plain", "full", "numbers", "cividis"))
@pytest.mark.parametrize("color", ["truecolor", "standard", None])
@pytest.mark.parametrize("width", [2, 7, *WIDTHS])
def test_no_line_is_wider_than_the_screen(width: int, color: str | None, display: Display) -> None:
    text = screen(*all_blocks(), width=width, color=color, display=display)
    assert [line for line in plain(text).split("\n") if cells(line) > width] == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_encoding_can_write_the_page_in_the_width_there_is(width: int, encoding: str) -> None:
    text = screen(*all_blocks(), width=width, encoding=encoding)
    written = text.encode(encoding)
    assert max(cells(line) for line in plain(written.decode(encoding)).split("\n")) <= width


@pytest.mark.parametrize("color", SYSTEMS)
def test_nothing_hostile_reaches_the_terminal(color: str | None) -> None:
    text = CODES.sub("", screen(*all_blocks(), color=color))
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]", text)) == {"\n"}
    if color is None:
        assert "\x1b" not in screen(*all_blocks())


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_have_no_spaces_at_their_end_without_color(width: int) -> None:
    assert not re.search(r" +$", screen(*all_blocks(), width=width), re.MULTILINE)


@pytest.mark.parametrize("color", SYSTEMS)
@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_stand_below_each_other_whatever_the_tokens(width: int, color: str | None) -> None:
    names = tuple(HOSTILE)
    values = np.random.default_rng(0).normal(size=(len(names), 5)) * 30
    display = Display(exact=True)
    page = Numbers((Grid(values, names, names[:5]),))
    lines = plain(screen(page, width=width, color=color, display=display)).split("\n")
    rows = [line for line in lines if re.search(r"-?\d+\.\d{4}", line)]
    assert len(rows) == len(names)
    points = [{cells(row[: found.start()]) for found in re.finditer(r"\.(?=\d{4}(\s|$))", row)} for row in rows]
    assert points[0]
    assert all(row == points[0] for row in points)


@pytest.mark.parametrize("width", WIDTHS)
def test_color_changes_no_letter(width: int) -> None:
    page = (Prose("words"), Numbers((grid(5, 7),)), Listing(("a", "b"), (("c", "d"),)))
    uncolored = screen(*page, width=width).replace("─", "").split()
    for color in ("truecolor", "256", "standard"):
        assert plain(screen(*page, width=width, color=color)).split() == uncolored


@pytest.mark.parametrize("color", SYSTEMS)
def test_a_rich_console_prints_the_same_text(color: str | None) -> None:
    assert printed_by_rich(*all_blocks(), color=color) == screen(*all_blocks(), color=color)


def test_each_color_system_gets_its_own_codes_in_one_process() -> None:
    found = {system: screen(Numbers((grid(5, 7, signed=False),)), color=system) for system in SYSTEMS}
    assert "48;2;" in found["truecolor"]
    assert "48;5;" in found["256"]
    assert "48;2;" not in found["256"]
    assert re.search(r"\x1b\[\d+;(4\d|10\d)m", found["standard"])
    assert "48;" not in found["standard"]
    assert "\x1b" not in found[None]


def test_blocks_are_parted_where_words_alone_would_not_part_them() -> None:
    picture, numbers = Picture((grid(2, 2, signed=False),)), Numbers((grid(2, 2),))
    text = screen(Heading("one"), Prose("two"), numbers, picture, Prose("three"), Heading("four"))
    assert text.startswith("one\n───\ntwo\n       ")
    parts = text.split("\n\n")
    assert parts[-2:] == ["three", "four\n────\n"]
    assert len(parts) == 5


def test_an_equation_is_wrapped_only_where_it_is_too_wide() -> None:
    equation = Equation("a = 1·2 + 3·4 + 5·6")
    assert screen(equation) == "  a = 1·2 + 3·4 + 5·6\n"
    assert screen(equation, width=16) == "a = 1·2 + 3·4 +\n    5·6\n"


def test_a_long_last_cell_wraps_inside_its_column() -> None:
    listing = Listing(("head", "what"), (("0.1", "looks at the one before"), ("11.10", "nothing")), frozenset({0}))
    assert screen(listing, width=20) == (
        " head  what\n"
        "─────  ─────────────\n"
        "  0.1  looks at the\n"
        "       one before\n"
        "11.10  nothing\n"
    )  # fmt: skip


def test_an_empty_page_and_empty_blocks_print_no_soup() -> None:
    assert screen() == ""
    empty = Grid(np.zeros((0, 3)), (), None)
    assert screen(Numbers((empty,)), Picture((empty,))) == "empty: 0×3\n\nempty: 0×3\n"
    assert screen(Numbers((Grid(np.zeros((2, 0)), ("a", "b"), ()),))) == "empty: 2×0\n"
    assert screen(Numbers(())) == screen(Picture(())) == ""
    assert screen(Listing(("a",), ())) == "a\n─\n"


def test_the_layout_needs_none_of_richs_tables() -> None:
    code = "import sys, attn_cli.views.terminal; print([m for m in sys.modules if m in {'rich.table', 'rich.panel'}])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_in_plain_text(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"page-{width}.txt", screen(*all_blocks(), width=width))


@pytest.mark.parametrize("color", ["truecolor", "256", "standard"])
def test_the_page_in_color(color: str, golden: Callable[[str, str], None]) -> None:
    page = (Heading("weights"), Numbers((hostile_grid(),)), Picture((hostile_grid(),)), Picture((grid(37, 41),)))
    golden(f"page-{color}.ansi", screen(*page, color=color))


def test_the_page_in_ascii(golden: Callable[[str, str], None]) -> None:
    golden("page-ascii.txt", screen(*all_blocks(), encoding="ascii"))


def test_a_page_keeps_what_it_was_given() -> None:
    page, display = (Prose("x"),), Display(full=True)
    assert (TerminalPage(page, display).page, TerminalPage(page, display).display) == (page, display)
