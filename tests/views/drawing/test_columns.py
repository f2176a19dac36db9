"""Columns line up on a terminal whatever width it gives to a character."""

import re
import unicodedata

import pytest

from attn_cli import explain
from attn_cli.cli.pager import _without_moves
from attn_cli.views.drawing.columns import in_columns, is_unsure
from attn_cli.views.page import Grid, Numbers
from attn_cli.views.pages.explain import heatmap_page
from tests.views.screens import screen

STRANGE = ["बिल्ली", "क्योंकि", "👍🏽", "☺️", "e\u0301", "שָׁלוֹם", "🇩🇪"]


def drawn(line: str, wide: int) -> dict[str, int]:
    """The column at which each ASCII word begins on a terminal that draws each mark in `wide` cells."""
    column, found, word = 0, {}, ""
    for part in re.split(r"(\x1b\[\d+G)", line):
        if move := re.fullmatch(r"\x1b\[(\d+)G", part):
            column = int(move[1]) - 1
            continue
        for character in part:
            if character.isascii() and character != " ":
                if not word:
                    start = column
                word += character
                found[word] = start
            else:
                word = ""
            strange = unicodedata.category(character)[0] == "M" or ord(character) > 0x1F000 or character == "\u200d"
            column += wide if strange else 1
        word = ""
    return found


@pytest.mark.parametrize("strange", STRANGE)
def test_what_follows_a_strange_word_begins_in_its_column_on_every_terminal(strange: str) -> None:
    assert is_unsure(strange)
    line = [(f"{strange}  ", None), ("0.12", None), (f" {strange} ab", None)]
    text = "".join(piece for piece, _ in in_columns(line))
    assert drawn(text, 0)["0.12"] == drawn(text, 1)["0.12"] == drawn(text, 2)["0.12"]
    assert drawn(text, 0)["ab"] == drawn(text, 2)["ab"]
    assert text.replace("\x1b", "").count(strange) == 2


@pytest.mark.parametrize("plain", ["cat", "", "漢字", "наука", "−∞", "█▀"])
def test_text_whose_width_is_sure_is_left_alone(plain: str) -> None:
    assert not is_unsure(plain)
    assert list(in_columns([(plain, None), ("b", None)])) == [(plain, None), ("b", None)]


@pytest.mark.parametrize("color", [None, "truecolor"])
def test_tables_and_pictures_line_up_on_a_terminal_and_pipes_get_plain_text(color: str | None) -> None:
    trace = explain("बिल्ली cat 👍🏽 ok", stage="weights")
    layer = trace.layers[0]
    table = Numbers((Grid(layer["weights"][0], layer.query_tokens, layer.key_tokens),))
    for page in ((table,), heatmap_page(trace)):
        text = screen(*page, height=24, color=color)
        rows = [line for line in text.split("\n") if line.startswith(("बिल्ली", "👍🏽"))]
        assert len(rows) == 2
        assert all("\x1b[" in row and re.search(r"\x1b\[\d+G", row) for row in rows)
        assert not re.search(r"\x1b\[\d+G", screen(*page, color=color))
        assert re.sub(r"\x1b\[\d+G", "", text) == _without_moves(text.encode()).decode()
