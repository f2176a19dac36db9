"""A map of letters on a screen: a row for each layer, a column for each head, a color for each letter."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line, Piece
from attn_cli.views.drawing.colors.styles import FAINT, ink, style_of
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, wrap
from attn_cli.views.page import Letters

if TYPE_CHECKING:
    from rich.style import Style

COLORS = {"I": 13, "D": 11, "P": 14, "N": 12, "C": 10}
ON_LIGHT = {"I": 5, "D": 3, "P": 6, "N": 4, "C": 2}
"""The letters that stand out, in the 16 colors that every terminal has; others are faint."""
EVERY = 5


def letters_lines(block: Letters, display: Display, screen: Screen) -> Iterator[Line]:
    """The numbers of every fifth head above, then a row of letters for each layer, then what letters mean."""
    label = max(map(cells, block.rows)) + 1
    room = max(1, screen.width - label)
    for start in range(0, len(block.columns), room):
        if start:
            yield []
        end = min(len(block.columns), start + room)
        yield [(" " * label + _numbers(block.columns[start:end], start), style_of(FAINT, screen.color))]
        for name, letters in zip(block.rows, block.letters, strict=True):
            line: list[Piece] = [(name.ljust(label), None)]
            line += [(screen.spell(letter), _style(letter, screen)) for letter in letters[start:end]]
            yield line
    legend = " · ".join(f"{letter} {meaning}" for letter, meaning in block.legend if letter != "·")
    rest = [f"· {meaning}" for letter, meaning in block.legend if letter == "·"]
    for text in wrap(screen.spell("   ".join(filter(None, [legend, *rest]))), screen.width):
        yield [(text, style_of(FAINT, screen.color))]


def _numbers(columns: tuple[str, ...], start: int) -> str:
    text = ""
    every = 1 if max(map(len, columns), default=0) == 1 else EVERY
    for at, name in enumerate(columns):
        if (start + at) % every == 0 and len(text) <= at and at + len(name) <= len(columns):
            text = text.ljust(at) + name
    return text


def _style(letter: str, screen: Screen) -> "Style | None":
    if screen.color is None:
        return None
    colors = ON_LIGHT if screen.background == "light" else COLORS
    return ink(colors[letter], screen.color, bold=True) if letter in colors else style_of(FAINT, screen.color)
