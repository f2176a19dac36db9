"""A page on a terminal: as wide as the screen, in as many colors as it has."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attn_cli.views.display import Display
from attn_cli.views.drawing.beside import beside_lines
from attn_cli.views.drawing.boxes import Line, Once, Piece
from attn_cli.views.drawing.columns import in_columns, is_unsure
from attn_cli.views.drawing.pictures.heat import picture_lines
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.table import numbers_lines
from attn_cli.views.drawing.text import cells, fit
from attn_cli.views.drawing.words import command_lines, equation_lines, heading_lines, listing_lines, prose_lines
from attn_cli.views.page import (
    Atlas,
    Bars,
    Beside,
    Command,
    Equation,
    Heading,
    Letters,
    Listing,
    Numbers,
    Page,
    Passage,
    Picture,
    Profiles,
    Prose,
)

if TYPE_CHECKING:
    from rich.color import ColorSystem
    from rich.console import Console, ConsoleOptions, RenderResult

Draw = Callable[[Any, Display, Screen], Iterator[Line]]


def _late(module: str, name: str) -> Draw:
    """A way to draw that few pages need, imported by the first page that does."""

    def draw(block: Any, display: Display, screen: Screen) -> Iterator[Line]:
        lines: Draw = getattr(import_module(f"attn_cli.views.drawing.pictures.{module}"), name)
        yield from lines(block, display, screen)

    return draw


DRAW: Mapping[type, Draw] = MappingProxyType(
    {
        Heading: heading_lines,
        Prose: prose_lines,
        Command: command_lines,
        Equation: equation_lines,
        Numbers: numbers_lines,
        Picture: picture_lines,
        Atlas: _late("atlas", "atlas_lines"),
        Profiles: _late("atlas", "profile_lines"),
        Beside: lambda block, display, screen: beside_lines(
            block, screen, lambda part, narrow: TerminalPage(tuple(part), display).lines(narrow)
        ),
        Bars: _late("bars", "bars_lines"),
        Letters: _late("letters", "letters_lines"),
        Listing: listing_lines,
        Passage: _late("passage", "passage_lines"),
    }
)
TALL = (Numbers, Picture, Atlas, Profiles, Beside, Bars, Letters, Listing, Passage)
NARROW = 40
SYSTEMS = {"standard": "STANDARD", "256": "EIGHT_BIT", "truecolor": "TRUECOLOR"}
"""Color modes → the names of Rich's color systems."""


class TerminalPage:
    """A page as text with color codes, and as a Rich renderable; the text needs no Console, which is slow to load."""

    def __init__(self, page: Page, display: Display) -> None:
        self.page = page
        self.display = display

    def text(self, screen: Screen) -> str:
        """The text to send to a screen, color codes included."""
        system = None if screen.color is None else _system(screen.color)
        pieces: list[str] = []
        for line in self.lines(screen):
            for text, style in _finished(line, screen):
                pieces.append(text if style is None or system is None else style.render(text, color_system=system))
            pieces.append("\n")
        return "".join(pieces)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment

        screen = Screen(max(1, options.max_width), console.color_system, options.encoding)
        for line in self.lines(screen):
            yield from (Segment(text, style) for text, style in _finished(line, screen))
            yield Segment.line()

    def lines(self, screen: Screen) -> Iterator[Line]:
        """The lines of all blocks, with an empty line before a heading and after a table, picture or equation.

        A terminal, which has a height, does not show the command that was just typed.
        """
        before: type | None = None
        shown: set[str] = set()
        for block in self.page:
            kind = type(block)
            if kind is Command and screen.height:
                continue
            if before is not None and (
                kind in (Heading, Beside) or before in TALL or (before is Equation and kind is not Equation)
            ):
                yield []
            for line in DRAW[kind](block, self.display, screen):
                if isinstance(line, Once):
                    text = "".join(text for text, _ in line)
                    if text in shown:
                        continue
                    shown.add(text)
                yield line
            before = kind


def _system(color: str) -> "ColorSystem":
    from rich.color import ColorSystem

    return ColorSystem[SYSTEMS[color]]


def _finished(line: Line, screen: Screen) -> list[Piece]:
    """A line ready to print: without spaces at its end, unless they are colored, and never wider than the screen."""
    pieces = list(line)
    if screen.width < NARROW:
        pieces = _cut(pieces, screen)
    if screen.height and any(is_unsure(text) for text, _ in pieces):
        pieces = list(in_columns(pieces))
    if screen.color is None:
        text = screen.last("".join(text for text, _ in pieces)).rstrip(" ")
        return [(text, None)] if text else []
    while pieces and (pieces[-1][1] is None or not pieces[-1][1].bgcolor):
        text, style = pieces.pop()
        if text := text.rstrip(" "):
            pieces.append((text, style))
            break
    return pieces if screen.unicode else [(screen.last(text), style) for text, style in pieces]


def _cut(pieces: list[Piece], screen: Screen) -> list[Piece]:
    """The line cut to a very narrow screen, with a mark where it was cut."""
    room, kept = screen.width, []
    for text, style in pieces:
        short = fit(text, room, screen.signs.more if room else "")
        if short:
            kept.append((short, style))
        room -= cells(short)
        if short != text:
            break
    return kept
