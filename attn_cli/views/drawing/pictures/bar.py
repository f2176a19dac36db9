"""The color bar: the numbers that colors or shades stand for."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.drawing.boxes import Line, Piece
from attn_cli.views.drawing.colors.styles import FAINT, style_of
from attn_cli.views.drawing.numbers import form_of
from attn_cli.views.drawing.pictures.cell_painter import CellPainter
from attn_cli.views.drawing.text import cells, wrap

CELLS = 24


def bar_lines(
    painter: CellPainter,
    shown: Sequence[Array],
    meaning: str,
    precision: int,
    number: Callable[[float], float] = float,
    write: Callable[[float], str] | None = None,
) -> Iterator[Line]:
    """The lowest number, the gradient, the highest number; then the meaning, and the other signs of cells.

    `number` converts a painted value to the number that the bar shows, `write` spells it. Signed numbers have their
    middle in the gradient.
    """
    screen = painter.screen
    ends = np.array([number(end) for end in (painter.scale.low, painter.scale.middle, painter.scale.high)])
    form = form_of(ends, precision)
    spell = write or (lambda end: _short(form.write(end)))
    low, middle, high = map(spell, ends.tolist())
    if not painter.palette.diverging:
        middle = ""
    edge = "" if screen.color else "|"
    room = screen.width - len(low) - len(high) - 2 - 2 * len(edge)
    size = min(CELLS, (room - len(middle) - 2) // 2 * 2) if middle else max(0, min(CELLS, room))
    if size < 4:
        size, middle = max(0, min(CELLS, room)), ""
    first, second = _gradient(painter, size)
    line: list[Piece] = [(f"{low} {edge}", None), *first, *([(f" {middle} ", None)] if middle else []), *second]
    line.append((f"{edge} {high}", None))
    used = sum(len(text) for text, _ in line)
    words = _words(painter, shown, meaning)
    faint = style_of(FAINT, screen.color)
    if words and used + 3 + cells(words) <= screen.width:
        yield [*line, ("   ", None), (words, faint)]
        return
    yield line
    if words:
        yield from ([(text, faint)] for text in wrap(words, screen.width))


def _gradient(painter: CellPainter, size: int) -> tuple[list[Piece], list[Piece]]:
    """All levels along `size` cells, in two halves."""
    styles = [painter.levels[cell * len(painter.levels) // size] for cell in range(size)]
    pieces = [(style.sign, style.style) for style in styles]
    return pieces[: size // 2], pieces[size // 2 :]


def _short(number: str) -> str:
    """A number without trailing zeros."""
    return number.rstrip("0").rstrip(".") if "." in number and "e" not in number else number


def _words(painter: CellPainter, shown: Sequence[Array], meaning: str) -> str:
    parts = [painter.screen.spell(meaning)] if meaning else []
    if any(np.isneginf(values).any() for values in shown):
        parts.append(f"{painter.hidden.sign} masked")
    if any(np.isnan(values).any() for values in shown):
        parts.append(f"{painter.nan.sign} not a number")
    return ", ".join(parts)
