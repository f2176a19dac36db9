"""Pages as Markdown."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from attn_cli.views.display import Display
from attn_cli.views.drawing.text import labels, safe
from attn_cli.views.markdown import page_to_markdown
from attn_cli.views.page import Equation, Grid, Heading, Listing, Numbers, Picture, Prose
from tests.views.screens import HOSTILE, all_blocks, grid

TRICKY = (
    "a|b",
    "\\|",
    "<b>",
    "*x*",
    "_x_",
    "`",
    "``a",
    "[a](b)",
    "a\nb",
    "![i](j)",
    "&amp;",
    "~~s~~",
    "#",
    "1.",
    "- x",
)


def parsed(text: str) -> list[tuple[str, str]]:
    """The kinds of inline tokens and their text, as a reader of Markdown with tables sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [(child.type, child.content) for token in tokens for child in token.children or []]


@pytest.mark.parametrize("token", [*TRICKY, *HOSTILE])
def test_nothing_in_a_token_is_interpreted(token: str) -> None:
    text = page_to_markdown((Numbers((Grid(np.ones((1, 1)), (token,), (token,)),)),), Display())
    found = parsed(text)
    assert {kind for kind, _ in found} <= {"text", "text_special"}
    shown = labels([token])[0]
    assert "".join(content for _, content in found) == shown * 2 + "1"


@given(st.text(st.sampled_from("\\`*_[]<>|~&$# a1.-+=!()\n:/w@"), max_size=12))
def test_prose_stays_prose(words: str) -> None:
    tokens = MarkdownIt("commonmark").parse(page_to_markdown((Prose(words),), Display()))
    shown = safe(words).strip()
    assert [token.type for token in tokens] == (["paragraph_open", "inline", "paragraph_close"] if shown else [])
    if shown:
        assert "".join(child.content for child in tokens[1].children or []) == shown


def test_numbers_are_a_table_of_right_aligned_columns() -> None:
    shown = Grid(np.array([[0.5, -1], [0, 2]]), ("a", "b"), None, title="head 0", note="of two")
    assert page_to_markdown((Heading("X"), Numbers((shown,))), Display()) == (
        "## X\n\n**head 0**\n\n"
        "|  | 0 | 1 |\n| --- | ---: | ---: |\n| a | 0.5 | -1.0 |\n| b | 0.0 | 2.0 |\n\n"
        "*of two*\n"
    )  # fmt: skip


def test_a_large_table_folds_as_on_screen_unless_full() -> None:
    page = (Numbers((grid(50, 64),)),)
    folded, full = page_to_markdown(page, Display()), page_to_markdown(page, Display(full=True))
    assert "*… 26 more rows and 57 more columns; --full shows all*" in folded
    assert {line.count("|") for line in folded.split("\n") if line.startswith("|")} == {10}
    assert full.count("\n") == 52
    assert {line.count("|") for line in full.split("\n") if line} == {66}


def test_a_picture_is_a_block_of_code_no_token_can_leave() -> None:
    names = ("```", "b")
    text = page_to_markdown((Picture((Grid(np.zeros((2, 2)), names, names, signed=False),)),), Display())
    tokens = MarkdownIt("commonmark").parse(text)
    assert [token.type for token in tokens] == ["fence"]
    assert text.startswith("````text\n")


def test_equations_share_one_block_and_listings_are_tables() -> None:
    page = (Equation("a = 1"), Equation("b = 2"), Listing(("x", "y"), (("a|b", "1"),), frozenset({1})))
    assert page_to_markdown(page, Display()) == (
        "```text\na = 1\nb = 2\n```\n\n| x | y |\n| --- | ---: |\n| a\\|b | 1 |\n"
    )


def test_numbers_in_a_picture_are_a_table() -> None:
    text = page_to_markdown((Picture((grid(2, 2, signed=False),)),), Display(numbers=True))
    assert re.search(r"\| word0 \| 0\.\d\d \| 0\.\d\d \|", text)


def test_the_page_as_markdown(golden: Callable[[str, str], None]) -> None:
    golden("page.md", page_to_markdown(all_blocks(), Display()))
