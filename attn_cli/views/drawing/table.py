"""Tables of numbers on a screen, colored by value and folded to its width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

import numpy as np
from rich.style import Style

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Box, Line, Piece, flow, runs
from attn_cli.views.drawing.color_scales import COLOR_SCALES
from attn_cli.views.drawing.folding import ROWS, Fold, blocks, fold, fold_to, note_of, whole
from attn_cli.views.drawing.numbers import Form, form_of
from attn_cli.views.drawing.palette import palette_of
from attn_cli.views.drawing.scale import ColorRange, scale_of
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.styles import BOLD, FAINT, style_of, text_styles
from attn_cli.views.drawing.text import cells, pad, wrap
from attn_cli.views.page import Grid, Numbers

LABEL = 24
GAP = 3
LEFT_OUT = 3
NOTE = 40


@dataclass(frozen=True, repr=False)
class Paint:
    """The format and colors of numbers; `styles` is empty without color, else one for each level and two more."""

    form: Form
    scale: ColorRange
    styles: tuple[Style | None, ...]
    screen: Screen

    def levels(self, values: Array) -> list[list[int]]:
        """The index into `styles` for each number (row, column)."""
        if not self.styles:
            return [[0] * values.shape[1]] * values.shape[0]
        levels: list[list[int]] = self.scale.levels(values, len(self.styles) - 2).tolist()
        return levels

    def write(self, values: Array, widths: Sequence[int]) -> Iterator[str]:
        """The rows as text, in characters that the screen has."""
        for text in self.form.rows(values, widths):
            yield text if self.screen.unicode else text.replace("  −∞", "-inf")


@dataclass(frozen=True, repr=False)
class Table:
    """The printed part of one grid, with a mark before column `after` and row `below` if some were left out.

    `painted` (row, column) are the numbers that colors stand for.
    """

    values: Array
    painted: Array
    rows: Sequence[str]
    columns: Sequence[str]
    widths: Sequence[int]
    label: int
    after: int | None
    below: int | None

    def between(self, start: int, end: int) -> "Table":
        """The table with columns start … end only."""
        if end - start == len(self.columns):
            return self
        columns, widths = self.columns[start:end], self.widths[start:end]
        values, painted = self.values[:, start:end], self.painted[:, start:end]
        return replace(self, values=values, painted=painted, columns=columns, widths=widths)

    def lines(self, paint: Paint) -> Iterator[Line]:
        """The header and one line for each row."""
        signs, faint = paint.screen.signs, style_of(FAINT, paint.screen.color)
        blank = (" " * (self.label + 1), None)
        heads = map(partial(_head, more=signs.more), self.columns, self.widths)
        yield [blank, *self._with_mark([(head, None) for head in heads], paint)]
        ends = [0, *accumulate(self.widths)]
        levels = paint.levels(self.painted)
        for row, text in enumerate(paint.write(self.values, self.widths)):
            if row == self.below:
                dots = [(signs.below.rjust(width - 1) + " ", faint) for width in self.widths]
                yield [blank, *self._with_mark(dots, paint)]
            label = pad(self.rows[row], self.label, more=signs.more) + " "
            if self.after is None:
                yield [(label, None), *_colored(text, ends, levels[row], paint)]
            else:
                cut = self.after
                left = _colored(text, ends[: cut + 1], levels[row][:cut], paint)
                right = _colored(text, ends[cut:], levels[row][cut:], paint)
                yield [(label, None), *left, (f" {signs.more} ", faint), *right]

    def _with_mark(self, pieces: list[Piece], paint: Paint) -> list[Piece]:
        if self.after is not None:
            pieces.insert(self.after, (f" {paint.screen.signs.more} ", style_of(FAINT, paint.screen.color)))
        return pieces


@dataclass(frozen=True, repr=False)
class Layout:
    """A grid as a table, and the columns and rows that the table shows."""

    grid: Grid
    table: Table
    across: Fold
    down: Fold


def numbers_lines(block: Numbers, display: Display, screen: Screen) -> Iterator[Line]:
    """The lines of a block of tables: side by side where they fit, in one format and on one color scale."""
    layouts, paint = laid_out(block, display, screen)
    yield from flow([_box(layout, paint, full=display.full) for layout in layouts], screen.width, GAP)


def laid_out(block: Numbers, display: Display, screen: Screen) -> tuple[list[Layout], Paint]:
    """Each grid as a table folded to the screen, and their common format and colors."""
    folds = [whole(len(grid.values)) if display.full else fold(len(grid.values), ROWS) for grid in block.grids]
    shown = [_rows(grid, rows) for grid, rows in zip(block.grids, folds, strict=True)]
    colors = _painted_values(block, shown, display)
    paint = painted(block, shown, colors, display, screen)
    parts = zip(block.grids, shown, colors, folds, strict=True)
    return [_measured(grid, part, color, down, paint, full=display.full) for grid, part, color, down in parts], paint


def _painted_values(block: Numbers, shown: Sequence[Array], display: Display) -> list[Array]:
    """The values that colors stand for: the numbers themselves, or weights on another color scale."""
    linear = any(grid.signed for grid in block.grids)
    return COLOR_SCALES["linear" if linear else display.color_scale].painted(shown)


def painted(block: Numbers, shown: Sequence[Array], colors: Sequence[Array], display: Display, screen: Screen) -> Paint:
    """The format and the colors for all grids of a block."""
    signed = any(grid.signed for grid in block.grids)
    palette = palette_of(display.palette, signed=signed)
    lowest = COLOR_SCALES[display.color_scale].from_lowest and not signed
    scale = scale_of(colors, signed=signed or lowest, centered=palette.diverging and not lowest)
    styles: tuple[Style | None, ...] = text_styles(palette, screen.color)
    if styles:
        styles = (*styles, style_of(FAINT, screen.color), style_of(BOLD, screen.color))
    return Paint(_form(shown, display.precision, screen.width), scale, styles, screen)


def _rows(grid: Grid, down: Fold) -> Array:
    values = np.asarray(grid.values)
    if down.hidden:
        values = values[down.indices]
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _form(shown: Sequence[Array], precision: int, width: int) -> Form:
    """One format for all, with fewer digits if not even one column would fit."""
    values = np.concatenate([array.ravel() for array in shown]) if shown else np.zeros(0)
    form = form_of(values, precision)
    while precision and form.width + 3 + LEFT_OUT + 2 > width:
        precision -= 1
        form = form_of(values, precision)
    return form


def _box(layout: Layout, paint: Paint, *, full: bool) -> Box:
    """One grid: its title, the table, and a note on rows and columns left out."""
    screen, table = paint.screen, layout.table
    lines: list[Line] = []
    sizes: list[int] = []
    for title in wrap(screen.spell(layout.grid.title), screen.width) if layout.grid.title else ():
        lines.append([(title, style_of(BOLD, screen.color))])
        sizes.append(cells(title))
    count = len(table.columns) if table.values.size else 0
    room = screen.width - table.label - 1
    for start, end in blocks(table.widths[:count], room) if full else [(0, count)] * bool(count):
        if start:
            lines.append([])
            sizes.append(0)
        part = table.between(start, end)
        body = list(part.lines(paint))
        lines += body
        sizes += [table.label + 1 + sum(part.widths) + (LEFT_OUT if part.after is not None else 0)] * len(body)
    if not table.values.size:
        empty = screen.spell(f"empty: {'×'.join(map(str, layout.grid.values.shape))}")
        lines.append([(empty, None)])
        sizes.append(cells(empty))
    for note in filter(None, (note_of(layout.down, layout.across), layout.grid.note)):
        for text in wrap(screen.spell(note), min(screen.width, max(*sizes, NOTE))):
            lines.append([(text, style_of(FAINT, screen.color))])
            sizes.append(cells(text))
    return Box(tuple(lines), tuple(sizes))


def _measured(grid: Grid, values: Array, colors: Array, down: Fold, paint: Paint, *, full: bool) -> Layout:
    """The chosen rows, and the columns that fit."""
    screen = paint.screen
    rows = screen.labels([grid.rows[i] for i in down.indices])
    count = values.shape[1]
    columns = screen.labels(grid.columns) if grid.columns is not None else tuple(map(str, range(count)))
    least = paint.form.width + 2
    label = min(max(map(cells, rows), default=0), LABEL)
    widths = [max(least, min(cells(name), LABEL) + 2) for name in columns]
    if label + 1 + sum(widths) > screen.width:
        label = min(label, max(1, min(max(screen.width // 5, 8), screen.width - 1 - least - LEFT_OUT)))
        widths = [least] * count
    across = whole(count) if full else fold_to(widths, screen.width - label - 1, LEFT_OUT)
    if across.hidden:
        values, colors = values[:, across.indices], colors[:, across.indices]
        columns = tuple(columns[i] for i in across.indices)
        widths = [widths[i] for i in across.indices]
    after = across.first if across.hidden else None
    below = down.first if down.hidden else None
    return Layout(grid, Table(values, colors, rows, columns, tuple(widths), label, after, below), across, down)


def _head(name: str, width: int, more: str) -> str:
    return pad(name, width - 1, right=True, more=more) + " "


def _colored(text: str, ends: Sequence[int], levels: Sequence[int], paint: Paint) -> list[Piece]:
    """A row of numbers in the styles of their levels; number j is the text from ends[j] to ends[j + 1]."""
    if not paint.styles:
        return [(text[ends[0] : ends[-1]], None)]
    return [(text[ends[a] : ends[b]], paint.styles[level]) for a, b, level in runs(levels)]
