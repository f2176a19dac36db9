"""The atlas: rows are layers, columns are heads, at every width."""

import re

import numpy as np
import pytest

from attn_cli.views.display import Display
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Atlas, AtlasRow, Bars, Beside, Grid, Heading, Letters, Numbers, Profiles, Prose
from tests.views.screens import grid, plain, screen


def atlas(layers: int, heads: int, tokens: int) -> Atlas:
    """A previous-token head at every place: a diagonal that pooling by mean would blur."""
    names = tuple(map(str, range(tokens)))
    values = np.where(np.tril(np.ones((tokens, tokens))), np.eye(tokens, k=-1), -np.inf)
    values[0, 0] = 1
    rows = tuple(
        AtlasRow(f"L{layer}", tuple(Grid(values, names, names, title=str(head), signed=False) for head in range(heads)))
        for layer in range(layers)
    )
    return Atlas(rows, meaning="share of attention")


@pytest.mark.parametrize("color", ["truecolor", "standard", None])
@pytest.mark.parametrize(("width", "each"), [(40, 4), (80, 6), (120, 12), (200, 12)])
def test_every_layer_begins_a_row_and_every_head_has_its_column(width: int, each: int, color: str | None) -> None:
    lines = plain(screen(atlas(3, 12, 8), width=width, color=color)).split("\n")
    starts = [line for line in lines if re.match(r"L\d", line)]
    rows = -(-12 // each)
    assert [line.split()[0] for line in starts] == [
        f"L{layer}" if row == 0 else f"L{layer}.{row * each}" for layer in range(3) for row in range(rows)
    ]
    heads = [
        number
        for line in lines
        for number in line.removeprefix("head").split()
        if re.fullmatch(r"[ \d]+", line.removeprefix("head"))
    ]
    assert heads[:12] == list(map(str, range(12)))
    assert all(cells(line) <= width for line in lines)
    if color == "truecolor":
        header = next(line for line in lines if line.startswith("head"))
        columns = [match.start() for match in re.finditer(r"\d+", header)]
        assert columns == [5 + 9 * head for head in range(each)]


@pytest.mark.parametrize("tokens", [2, 8, 13, 16])
def test_up_to_16_tokens_nothing_is_pooled(tokens: int) -> None:
    text = screen(atlas(2, 12, tokens), color=None)
    assert "Each cell" not in text
    first = next(line for line in text.split("\n") if line.startswith("L0"))
    assert first.split()[1] == "█" + "·" * (tokens - 1)


def test_longer_texts_are_pooled_by_their_largest_weights_so_that_a_diagonal_keeps_its_color() -> None:
    text = plain(screen(atlas(2, 12, 40), color=None))
    assert "Each cell shows the largest weight of" in text
    assert text.count("█") > 200  # the diagonal, at full height in 24 pictures
    mean = screen(atlas(2, 12, 40), color=None, display=Display(pool="mean"))
    assert "Each cell shows the mean of" in mean
    assert mean.count("█") < text.count("█")


def test_full_shows_every_token() -> None:
    text = screen(atlas(1, 2, 40), color=None, display=Display(full=True))
    assert "Each cell" not in text
    assert max(line.count("·") for line in text.split("\n")) >= 39


def test_profiles_are_one_line_a_head_whatever_the_text() -> None:
    shares = np.array([[0.7, 0.1, 0.2]])
    heads = tuple(Grid(shares, ("",), ("first", "itself", "−1"), title=str(head), signed=False) for head in range(12))
    text = screen(Profiles((AtlasRow("L0", heads), AtlasRow("L1", heads)), ("first", "itself", "−1")), color=None)
    lines = text.split("\n")
    assert lines[0].split() == ["head", *map(str, range(12))]
    assert lines[1].split()[:2] == ["L0", "█▁▂"]
    assert lines[2].startswith("L1")
    assert "first, itself, −1" in text


def test_bars_are_as_long_as_their_shares() -> None:
    text = screen(Bars((("whole", 1.0, "a"), ("half", 0.5, "b"), ("none", 0.0, "c"))), width=100)
    assert text == "whole  " + "━" * 20 + " a\nhalf   " + "━" * 10 + " " * 11 + "b\nnone   " + " " * 21 + "c\n"
    assert "━" not in screen(Bars((("whole", 1.0, "a"),)), width=30)
    assert "====" in screen(Bars((("whole", 1.0, "a"),)), encoding="ascii")


def test_a_map_of_letters_has_a_row_for_each_layer_and_says_what_letters_mean() -> None:
    block = Letters(
        ("L0", "L1"), ("0", "1", "2"), (("P", "·", "S"), ("·", "I", "·")), (("P", "previous token"), ("·", "mixed"))
    )
    assert screen(block) == "   012\nL0 P·S\nL1 ·I·\nP previous token   · mixed\n"
    colored = screen(block, color="truecolor")
    assert plain(colored) == screen(block)
    assert "\x1b[1;96mP" in colored


def test_sections_stand_side_by_side_where_there_is_room() -> None:
    sections = tuple((Heading(name), Prose("what it means", faint=True), Numbers((grid(2, 3),))) for name in "QKV")
    narrow, wide = screen(Beside(sections), width=60), screen(Beside(sections), width=120)
    assert [line for line in narrow.split("\n") if line in ("Q", "K", "V")] == ["Q", "K", "V"]
    assert wide.split("\n")[0].split() == ["Q", "K", "V"]
    assert narrow.split() != wide.split()
    assert sorted(narrow.split()) == sorted(wide.split())
    assert max(map(len, wide.split("\n"))) <= 120


def test_a_note_inside_sections_is_said_once_below_them() -> None:
    wide = tuple((Heading(name), Numbers((grid(2, 9),))) for name in "QK")
    text = screen(Beside(wide), Beside(wide), width=70)
    assert text.count("to fit") == 1
