"""Pages for tests, and how a console prints them."""

import io
import re

import numpy as np
from rich.console import Console

from attn_cli.views.display import Display
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.page import Block, Equation, Grid, Heading, Listing, Numbers, Picture, Prose
from attn_cli.views.terminal import TerminalPage

HOSTILE = {
    "[/b]": 4,
    "[red]x": 6,
    ":smile:": 7,
    "\x1b[31m": 8,
    "a\nb": 4,
    "\x00": 4,
    "\u202eevil": 10,
    "\u200b": 6,
    "\ud800": 6,
    "שלום": 4,
    "مرحبا": 5,
    "👨‍👩‍👧": 2,
    "❤️": 2,
    "🇩🇪": 2,
    "a\u200db": 8,
    "漢字": 4,
    "e\u0301te\u0301": 3,
    "\u0301": 6,
    "\ufe0f": 6,
    "\xa0": 4,
    "\u3164": 6,
    " ": 1,
    "  the": 5,
    "": 1,
}
"""Tokens, and the cells that their labels take."""

SYSTEMS = ("truecolor", "256", "standard", None)


def screen(
    *page: Block,
    width: int = 80,
    color: str | None = None,
    display: Display | None = None,
    encoding: str = "utf-8",
    height: int = 0,
    background: str = "dark",
) -> str:
    """The text that a screen of that size and color is sent."""
    return TerminalPage(page, display or Display()).text(Screen(width, color, encoding, height, background))


def printed_by_rich(*page: Block, width: int = 80, color: str | None = None, encoding: str = "utf-8") -> str:
    """The text that a Rich console of that width and color prints."""

    class Stream(io.StringIO):
        pass

    Stream.encoding = encoding  # type: ignore[assignment]
    stream = Stream()
    console = Console(
        file=stream,
        width=width,
        color_system=color,  # type: ignore[arg-type]
        force_terminal=color is not None,
        no_color=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    console.print(TerminalPage(page, Display()), crop=False, end="")
    return stream.getvalue()


def plain(text: str) -> str:
    """Without color codes and without marks of direction."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\u200e", "")


def grid(rows: int, columns: int, *, seed: int = 0, title: str = "", signed: bool = True, tokens: bool = False) -> Grid:
    """Numbers from −2 to 2, or from 0 to 1, with words for labels."""
    values = np.random.default_rng(seed).random((rows, columns))
    names = tuple(f"word{place}" for place in range(max(rows, columns)))
    return Grid(
        values * 4 - 2 if signed else values,
        names[:rows],
        names[:columns] if tokens else None,
        title,
        signed,
    )


def hostile_grid(*, signed: bool = False) -> Grid:
    """A square matrix with every hostile token as row and as column."""
    names = tuple(HOSTILE)
    values = np.random.default_rng(1).random((len(names), len(names)))
    values[0, 1:] = -np.inf
    values[2, 1] = np.nan
    values[3, 1] = np.inf
    return Grid(values - 0.5 if signed else values, names, names, signed=signed)


def all_blocks() -> tuple[Block, ...]:
    """A page with something of everything."""
    names = tuple(HOSTILE)
    heads = tuple(grid(5, 5, seed=place, title=f"head {place}", signed=False, tokens=True) for place in range(3))
    return (
        Prose("numbers from " + "".join(names), faint=True),
        Heading("scores = Q · Kᵀ   3×4 · 4×3 → 3×3"),
        Numbers((grid(7, 11),)),
        Equation("0.1·0.3 + 0.2·0.1 + 0.3·0.4 = 0.17 " + "".join(names)),
        Numbers(heads),
        Picture(heads, "share of attention"),
        Numbers((hostile_grid(),)),
        Picture((hostile_grid(signed=True),)),
        Picture((grid(100, 90),)),
        Listing(("what", "how much", "why"), tuple((name, "0.5", name * 9) for name in names), frozenset({1})),
    )
