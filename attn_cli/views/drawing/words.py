"""Headings, prose, equations and listings on a screen."""

from collections.abc import Iterator, Sequence

from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line
from attn_cli.views.drawing.colors.styles import BOLD, FAINT, style_of
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, pad, wrap
from attn_cli.views.page import Command, Equation, Heading, Listing, Prose

INDENT = 4
GAP = 2
LEAST = 12
NARROW = 40


def heading_lines(block: Heading, display: Display, screen: Screen) -> Iterator[Line]:
    """Bold, or underlined if there is no color."""
    lines = list(wrap(screen.spell(block.text), screen.width, 2))
    for line in lines:
        yield [(line, style_of(BOLD, screen.color))]
    if screen.color is None:
        yield [(screen.signs.rule * max(map(cells, lines)), None)]


def prose_lines(block: Prose, display: Display, screen: Screen) -> Iterator[Line]:
    """Wrapped between words."""
    style = style_of(FAINT, screen.color) if block.faint else None
    for line in wrap(screen.spell(block.text), screen.width):
        yield [(line, style)]


def command_lines(block: Command, display: Display, screen: Screen) -> Iterator[Line]:
    """Faint, after `Made with:`."""
    for line in wrap(screen.spell(f"Made with: {block.text}"), screen.width):
        yield [(line, style_of(FAINT, screen.color))]


def equation_lines(block: Equation, display: Display, screen: Screen) -> Iterator[Line]:
    """Indented a little; a line wider than the screen continues below, indented more."""
    text = screen.spell(block.text)
    indent = 2 if screen.width >= NARROW or cells(text) + 2 <= screen.width else 0
    for line in wrap(text, screen.width - indent, INDENT):
        yield [(" " * indent + line, None)]


def listing_lines(block: Listing, display: Display, screen: Screen) -> Iterator[Line]:
    """A header, then rows; the last cell of a row wraps below itself if it is too long."""
    table = [tuple(map(screen.spell, row)) for row in (block.header, *block.rows)]
    widths = column_widths(table, screen.width)
    for number, row in enumerate(table):
        style = style_of(BOLD, screen.color) if number == 0 else None
        for line in _row(row, widths, block.right, screen):
            yield [(line, style)]
        if number == 0 and screen.color is None:
            yield [("  ".join(screen.signs.rule * width for width in widths), None)]


def column_widths(table: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column: that of its text; the widest columns shrink until all fit."""
    widths = [max(map(cells, column)) for column in zip(*table, strict=True)]
    over = sum(widths) + GAP * (len(widths) - 1) - room
    if over > 0:
        last = max(min(widths[-1], LEAST), widths[-1] - over)
        over -= widths[-1] - last
        widths[-1] = last
    while over > 0 and max(widths) > 1:
        widest = widths.index(max(widths))
        widths[widest] -= 1
        over -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int], right: frozenset[int], screen: Screen) -> Iterator[str]:
    end = len(row) - 1
    lines = list(wrap(row[end], max(1, widths[end]))) if row else [""]
    for number, text in enumerate(lines):
        before = [
            pad(cell if number == 0 else "", width, right=column in right, more=screen.signs.more)
            for column, (cell, width) in enumerate(zip(row[:end], widths, strict=False))
        ]
        yield (" " * GAP).join([*before, " " * (widths[end] - cells(text)) + text if end in right else text])
