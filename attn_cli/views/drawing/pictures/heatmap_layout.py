"""The layout of a picture: the first cell size with which all of its matrices fit on one screen."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attn_cli.views.drawing.pictures.pooling import blocks_for
from attn_cli.views.drawing.pictures.titles import short_titles
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Grid

LINES = 48
THUMB_LINES = 58
LABEL = 16
WIDE = 12
NARROWEST = 5
"""The least width of a cell below the name of its column."""
FIGURE = 4
"""The width of a cell with a number in per cent."""
MARGIN = 2
ENDLESS = 10**9
LEAST = 16
"""Matrices of so many tokens are never pooled."""
THUMBS = (32, 24, LEAST)


class LabelWidths(NamedTuple):
    """The widths of the longest labels: of rows, of rows with their indices, of columns."""

    rows: int
    numbered: int
    columns: int


class HeatmapLayout(NamedTuple):
    """A cell is `cell` characters wide, or half a line high (`half`); matrices larger than rows × columns are pooled.

    `label` is the width of row labels, 0 for none; `title` is then the width of the shortest titles. `wide` cells have
    the labels of their columns above them, `figures` are numbers in per cent in the cells.
    """

    cell: int
    half: bool
    label: int
    rows: int
    columns: int
    wide: bool = False
    title: int = 0
    figures: bool = False

    @property
    def tall(self) -> int:
        """The height of a cell divided by its width."""
        return 2 if self.cell == 1 and not self.half else 1

    def pool(self, grid: Grid) -> tuple[int, int]:
        """The rows and columns that make one cell."""
        height, width = grid.values.shape
        return blocks_for((height, width), self.rows, self.columns, tall=self.tall)

    def room(self, columns: int) -> int:
        """The width of a matrix of so many columns, without its row labels."""
        return max(columns * self.cell, self.title)

    def size(self, grid: Grid) -> tuple[int, int]:
        """The height and width of a grid on the screen, its title and column labels included, its row labels not."""
        down, across = self.pool(grid)
        height, width = -(-grid.values.shape[0] // down), -(-grid.values.shape[1] // across)
        lines = -(-height // 2) if self.half else height
        return lines + bool(grid.title) + bool(self.label), self.room(width)

    def beside(self, widest: int, width: int) -> int:
        """How many matrices fit beside each other."""
        margin = MARGIN if self.label else 1
        return max(1, (width - self.label + margin) // (widest + margin))


class Wishes(NamedTuple):
    """What the reader and the page ask of a picture: all tokens, and numbers in per cent in the cells.

    `figures` are shown in color too, `shares` where there is none.
    """

    full: bool = False
    shares: bool = False
    figures: bool = False


def plan_for(grids: Sequence[Grid], labels: LabelWidths, screen: Screen, wishes: Wishes) -> HeatmapLayout:
    """The first layout that shows all grids on a screen or two; with `full` nothing is pooled."""
    most = min(LABEL, max(4, screen.width // 4))
    label = min(labels.numbered, most) + 1
    figures = wishes.figures or (wishes.shares and screen.color is None)
    if wishes.full:
        return HeatmapLayout(FIGURE if figures else 2, False, label, ENDLESS, ENDLESS, figures=figures)
    halves = screen.signs.halves and not screen.shaded
    plans = [*_wide(grids, min(labels.rows, most) + 1, labels.columns, screen.width, figures=figures)]
    plans += _plans(grids, label, halves, screen.width, figures=figures)
    lines = max(LINES, screen.height - 4)
    times = 1 if halves else 2
    for plan in plans:
        if _lines(plan, grids, screen.width) <= times * (lines if plan.label else max(THUMB_LINES, lines)):
            return plan
    return plans[-1]


def _wide(grids: Sequence[Grid], label: int, names: int, width: int, *, figures: bool) -> Iterator[HeatmapLayout]:
    """Cells below the names of their columns, as wide as these or as there is room for.

    All matrices stand beside each other; those with numbers also below each other.
    """
    rows = max(grid.values.shape[0] for grid in grids)
    columns = max(1, *(grid.values.shape[1] for grid in grids))
    wanted = min(names, WIDE) + (1 if figures else 2)
    least = FIGURE if figures else 3
    beside = (width - label - MARGIN * (len(grids) - 1)) // len(grids)
    for room in (beside, width - label) if figures else (beside,):
        cell = min(wanted, room // columns, ENDLESS if len(grids) == 1 else 2 * NARROWEST)
        if cell >= min(FIGURE if figures and room == beside else NARROWEST, wanted):
            yield HeatmapLayout(max(cell, least), False, label, rows, columns, wide=True, figures=figures)


def _plans(grids: Sequence[Grid], label: int, halves: bool, width: int, *, figures: bool) -> Iterator[HeatmapLayout]:
    """Layouts with labels, of large and small cells; one pooled matrix with labels; pictures without labels."""
    room = max(1, width - label)
    most = max(grid.values.shape[1] for grid in grids)
    tallest = max(grid.values.shape[0] for grid in grids)
    if figures and most * FIGURE <= room:
        yield HeatmapLayout(FIGURE, False, label, tallest, most, figures=True)
    if most * 2 <= room:
        yield HeatmapLayout(2, False, label, tallest, most)
    if most <= room:
        yield HeatmapLayout(1, halves, label, tallest, most)
    if len(grids) == 1:
        number = min(label, len(str(tallest - 1)) + 1)
        yield HeatmapLayout(1, halves, number, 2 * (LINES - 4) if halves else LINES - 4, max(1, width - number))
    title = min(width, max(map(cells, short_titles([grid.title for grid in grids], 0))))
    for edge in THUMBS:
        rows = edge if halves or tallest <= LEAST else edge // 2
        yield HeatmapLayout(1, halves, 0, rows, max(1, min(edge, width)), title=title)


def _lines(plan: HeatmapLayout, grids: Sequence[Grid], width: int) -> int:
    """The number of lines that the grids take side by side."""
    sizes = [plan.size(grid) for grid in grids]
    rows = -(-len(sizes) // plan.beside(max(across for _, across in sizes), width))
    between = 1 if plan.label else 0
    return rows * (max(lines for lines, _ in sizes) + between) - between
