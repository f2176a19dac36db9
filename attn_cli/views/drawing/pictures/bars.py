"""Bars on a screen: a label, a bar for a share, and a text on each line."""

from collections.abc import Iterator

from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line, Piece
from attn_cli.views.drawing.colors.styles import ink
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, pad, wrap
from attn_cli.views.page import Bars

LABEL = 24
BAR = 20
LEAST = 40
"""The least width of a screen that shows bars."""
ACCENT = 6
"""The color of bars, one of the 16 that every terminal has."""


def bars_lines(block: Bars, display: Display, screen: Screen) -> Iterator[Line]:
    """One line for each share; a long text wraps below itself."""
    if not block.rows:
        return
    labels = screen.labels([label for label, _, _ in block.rows])
    widest = min(LABEL, screen.width // 3, max(map(cells, labels)))
    size = min(BAR, screen.width // 5) if screen.width >= LEAST else 0
    indent = widest + 2 + size + bool(size)
    for label, (_, share, text) in zip(labels, block.rows, strict=True):
        start: list[Piece] = [(pad(label, max(1, widest), more=screen.signs.more) + "  ", None)]
        if size:
            drawn = bar(share, size, screen)
            start += [
                (drawn, ink(ACCENT, screen.color) if screen.color else None),
                (" " * (size - len(drawn) + 1), None),
            ]
        lines = list(wrap(screen.spell(text), max(1, screen.width - indent))) or [""]
        for number, line in enumerate(lines):
            yield [*(start if number == 0 else [(" " * indent, None)]), (line, None)]


def bar(share: float, size: int, screen: Screen) -> str:
    """A bar of a share of `size` cells, to half a cell where the screen has the signs."""
    halves = round(max(0.0, min(1.0, share)) * size * 2)
    whole, half = divmod(halves, 2)
    return screen.signs.bar[0] * whole + screen.signs.bar[1] * half
