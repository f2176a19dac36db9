"""Tables of numbers on a screen, colored by value and made to fit its width."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Box, Line, Once, Piece, flow, runs
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.palette import palette_of
from attn_cli.views.drawing.colors.scale import ColorRange, scale_of
from attn_cli.views.drawing.colors.styles import BOLD, FAINT, number_styles, style_of
from attn_cli.views.drawing.fitting import Fitted, fitted, rows_shown
from attn_cli.views.drawing.folding import blocks, note_of
from attn_cli.views.drawing.numbers import Form
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, pad, wrap
from attn_cli.views.page import Grid, Numbers

if TYPE_CHECKING:
    from rich.style import Style

GAP = 3
MARK = 3
"""The cells of the mark for columns left out."""
NOTE = 40


class Paint(NamedTuple):
    """The format and colors of numbers; `styles` is empty without color, else one for each level and two more."""

    form: Form
    scale: ColorRange
    styles: "tuple[Style | None, ...]"
    screen: Screen

    def levels(self, values: Array) -> list[list[int]]:
        """The index into `styles` for each number (row, column)."""
        if not self.styles:
            return [[0] * values.shape[1]] * values.shape[0]
        levels: list[list[int]] = self.scale.levels(values, len(self.styles) - 2).tolist()
        return levels

    def write(self, values: Array, widths: Sequence[int], mask: str) -> Iterator[str]:
        """The rows as text, in characters that the screen has; `mask` stands for −∞."""
        return self.form.rows(values, widths, self.screen.mask(mask))


class Table(NamedTuple):
    """The printed part of one grid; `across` and `down` are the columns and rows before which some are left out.

    `painted` (row, column) are the numbers that colors stand for. `mask` stands for −∞.
    """

    values: Array
    painted: Array
    rows: Sequence[str]
    columns: Sequence[str]
    widths: Sequence[int]
    label: int
    mask: str
    across: tuple[int, ...] = ()
    down: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        return self.label + 1 + sum(self.widths) + MARK * len(self.across)

    def between(self, start: int, end: int) -> "Table":
        """The table with columns start … end only."""
        if end - start == len(self.columns):
            return self
        columns, widths = self.columns[start:end], self.widths[start:end]
        values, painted = self.values[:, start:end], self.painted[:, start:end]
        return self._replace(values=values, painted=painted, columns=columns, widths=widths)

    def lines(self, paint: Paint) -> Iterator[Line]:
        """The header and one line for each row."""
        signs, faint = paint.screen.signs, style_of(FAINT, paint.screen.color)
        blank = (" " * (self.label + 1), None)
        heads = map(partial(_head, more=signs.more), self.columns, self.widths)
        yield [blank, *self._with_marks([[(head, None)] for head in heads], paint)]
        ends = [0, *accumulate(self.widths)]
        levels = paint.levels(self.painted)
        dots: list[list[Piece]] = [[(signs.below.rjust(width - 1) + " ", faint)] for width in self.widths]
        for row, text in enumerate(paint.write(self.values, self.widths, self.mask)):
            if row in self.down:
                yield [blank, *self._with_marks(list(dots), paint)]
            label = pad(self.rows[row], self.label, more=signs.more) + " "
            yield [(label, None), *self._row(text, ends, levels[row], paint)]
        if len(self.rows) in self.down:
            yield [blank, *self._with_marks(list(dots), paint)]

    def _row(self, text: str, ends: Sequence[int], levels: Sequence[int], paint: Paint) -> list[Piece]:
        cuts = [0, *(at for at in self.across if 0 < at < len(self.columns)), len(self.columns)]
        parts = [_colored(text, ends[start : end + 1], levels[start:end], paint) for start, end in pairwise(cuts)]
        mark: Piece = (f" {paint.screen.signs.more} ", style_of(FAINT, paint.screen.color))
        pieces = [mark] * (0 in self.across)
        for number, part in enumerate(parts):
            pieces += [mark] * (number > 0) + part
        return pieces + [mark] * (len(self.columns) in self.across)

    def _with_marks(self, columns: list[list[Piece]], paint: Paint) -> list[Piece]:
        mark: Piece = (f" {paint.screen.signs.more} ", style_of(FAINT, paint.screen.color))
        pieces: list[Piece] = []
        for number, column in enumerate(columns):
            pieces += [mark] * (number in self.across) + column
        return pieces + [mark] * (len(columns) in self.across)


class Layout(NamedTuple):
    """A grid as a table, and the columns and rows that the table shows."""

    grid: Grid
    table: Table
    fit: Fitted


def numbers_lines(block: Numbers, display: Display, screen: Screen) -> Iterator[Line]:
    """The lines of a block of tables: side by side where they fit, in one format and on one color scale."""
    layouts, paint = laid_out(block, display, screen)
    yield from flow([_box(layout, paint, full=display.full) for layout in layouts], screen.width, GAP)
    for line in wrap(digits_note(paint.form, display, screen), screen.width):
        if line:
            yield Once(((line, style_of(FAINT, screen.color)),))


def digits_note(form: Form, display: Display, screen: Screen) -> str:
    """A sentence about digits that were left out to fit the screen; empty if none were."""
    if not form.cut:
        return ""
    digits = "1 digit" if form.precision == 1 else f"{form.precision or 'no'} digits"
    return screen.spell(f"{digits}, to fit {screen.width} columns; --precision {display.precision} shows more")


def laid_out(block: Numbers, display: Display, screen: Screen) -> tuple[list[Layout], Paint]:
    """Each grid as a table that fits the screen, and their common format and colors."""
    downs = [rows_shown(len(grid.values), display, screen) for grid in block.grids]
    shown = [_rows(grid, down.indices) for grid, down in zip(block.grids, downs, strict=True)]
    form, fits = fitted(block.grids, shown, downs, display, screen)
    colors = _painted_values(block, shown, display)
    paint = painted(block, form, colors, display, screen)
    parts = zip(block.grids, shown, colors, fits, strict=True)
    return [_layout(grid, values, color, fit) for grid, values, color, fit in parts], paint


def _painted_values(block: Numbers, shown: Sequence[Array], display: Display) -> list[Array]:
    """The values that colors stand for: the numbers themselves, or weights on another color scale."""
    linear = any(grid.signed for grid in block.grids)
    return COLOR_SCALES["linear" if linear else display.color_scale].painted(shown)


def painted(block: Numbers, form: Form, colors: Sequence[Array], display: Display, screen: Screen) -> Paint:
    """The format and the colors for all grids of a block: cells for weights, digits for signed numbers."""
    signed = any(grid.signed for grid in block.grids)
    palette = palette_of(display.palette, signed=signed, background=screen.background)
    lowest = COLOR_SCALES[display.color_scale].from_lowest and not signed
    scale = scale_of(colors, signed=signed or lowest, centered=palette.diverging and not lowest)
    styles: tuple[Style | None, ...] = number_styles(palette, screen.color, screen.background, digits=signed)
    if styles:
        styles = (*styles, style_of(FAINT, screen.color), style_of(BOLD, screen.color))
    return Paint(form, scale, styles, screen)


def _rows(grid: Grid, indices: Sequence[int]) -> Array:
    values = np.asarray(grid.values)
    if len(indices) < len(values):
        values = values[list(indices)]
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _layout(grid: Grid, values: Array, colors: Array, fit: Fitted) -> Layout:
    if fit.across.hidden:
        kept = list(fit.across.indices)
        values, colors = values[:, kept], colors[:, kept]
    table = Table(
        values=values,
        painted=colors,
        rows=fit.rows,
        columns=fit.columns,
        widths=fit.widths,
        label=fit.label,
        mask=grid.mask,
        across=fit.across.gaps,
        down=fit.down.gaps,
    )
    return Layout(grid, table, fit)


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
        sizes += [part.width] * len(body)
    if not table.values.size:
        empty = screen.spell(f"empty: {'×'.join(map(str, layout.grid.values.shape))}")
        lines.append([(empty, None)])
        sizes.append(cells(empty))
    for note in filter(
        None, (note_of(layout.fit.down, layout.fit.across, smaller=layout.fit.by_size), layout.grid.note)
    ):
        for text in wrap(screen.spell(note), min(screen.width, max(*sizes, NOTE))):
            lines.append([(text, style_of(FAINT, screen.color))])
            sizes.append(cells(text))
    return Box(tuple(lines), tuple(sizes))


def _head(name: str, width: int, more: str) -> str:
    return pad(name, width - 1, right=True, more=more) + " "


def _colored(text: str, ends: Sequence[int], levels: Sequence[int], paint: Paint) -> list[Piece]:
    """A row of numbers in the styles of their levels; number j is the text from ends[j] to ends[j + 1]."""
    if not paint.styles:
        return [(text[ends[0] : ends[-1]], None)]
    return [(text[ends[a] : ends[b]], paint.styles[level]) for a, b, level in runs(levels)]
