"""The layout of a picture: the first cell size with which all of its matrices fit on one screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attn_cli.views.drawing.pooling import blocks_for
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells
from attn_cli.views.drawing.titles import short_titles
from attn_cli.views.page import Grid

LINES = 48
THUMB_LINES = 58
LABEL = 16
WIDE = 12
MARGIN = 2
ENDLESS = 10**9
THUMBS = (32, 24, 16, 12, 8, 6, 4)


@dataclass(frozen=True, repr=False)
class LabelWidths:
    """The widths of the longest labels: of rows, of rows with their indices, of columns."""

    rows: int
    numbered: int
    columns: int


@dataclass(frozen=True, repr=False)
class HeatmapLayout:
    """A cell is `cell` characters wide, or half a line high (`half`); matrices larger than rows × columns are pooled.

    `label` is the width of row labels, 0 for none; `title` is then the width of the shortest titles. `wide` cells have
    room for the labels of their columns.
    """

    cell: int
    half: bool
    label: int
    rows: int
    columns: int
    wide: bool = False
    title: int = 0

    @property
    def tall(self) -> int:
        """The height of a cell divided by its width."""
        return 2 if self.cell == 1 and not self.half else 1

    def pool(self, grid: Grid) -> tuple[int, int]:
        """The rows and columns that make one cell."""
        height, width = grid.values.shape
        return blocks_for((height, width), self.rows, self.columns, tall=self.tall)

    def room(self, columns: int) -> int:
        """The width of a matrix of so many columns, its labels included."""
        return max(columns * self.cell + self.label, self.title)

    def size(self, grid: Grid) -> tuple[int, int]:
        """The height and width of a grid on the screen, its title and column labels included."""
        down, across = self.pool(grid)
        height, width = -(-grid.values.shape[0] // down), -(-grid.values.shape[1] // across)
        lines = -(-height // 2) if self.half else height
        return lines + bool(grid.title) + bool(self.label), self.room(width)


def plan_for(grids: Sequence[Grid], labels: LabelWidths, screen: Screen, *, full: bool) -> HeatmapLayout:
    """The first layout that shows all grids on a screen or two; with `full` nothing is pooled."""
    most = min(LABEL, max(4, screen.width // 4))
    label = min(labels.numbered, most) + 1
    if full:
        return HeatmapLayout(2, False, label, ENDLESS, ENDLESS)
    halves = screen.signs.halves and not screen.shaded
    plans = [*_wide(grids, min(labels.rows, most) + 1, labels.columns, screen.width)]
    plans += _plans(grids, label, halves, screen.width)
    times = 1 if halves else 2
    for plan in plans:
        if _lines(plan, grids, screen.width) <= times * (LINES if plan.label else THUMB_LINES):
            return plan
    return plans[-1]


def _wide(grids: Sequence[Grid], label: int, names: int, width: int) -> Iterator[HeatmapLayout]:
    """For a single small matrix: cells as wide as the labels of its columns."""
    rows, columns = grids[0].values.shape
    cell = min(names, WIDE) + 2
    if len(grids) == 1 and label + columns * cell <= width:
        yield HeatmapLayout(cell, False, label, rows, columns, wide=True)


def _plans(grids: Sequence[Grid], label: int, halves: bool, width: int) -> Iterator[HeatmapLayout]:
    """Layouts with labels, of large and small cells; one pooled matrix with labels; pictures without labels."""
    room = max(1, width - label)
    most = max(grid.values.shape[1] for grid in grids)
    tallest = max(grid.values.shape[0] for grid in grids)
    if most * 2 <= room:
        yield HeatmapLayout(2, False, label, tallest, most)
    if most <= room:
        yield HeatmapLayout(1, halves, label, tallest, most)
    if len(grids) == 1:
        number = min(label, len(str(tallest - 1)) + 1)
        yield HeatmapLayout(1, halves, number, 2 * (LINES - 4) if halves else LINES - 4, max(1, width - number))
    title = min(width, max(map(cells, short_titles([grid.title for grid in grids], 0))))
    for edge in THUMBS:
        yield HeatmapLayout(1, halves, 0, edge if halves else edge // 2, min(edge, width), title=title)


def _lines(plan: HeatmapLayout, grids: Sequence[Grid], width: int) -> int:
    """The number of lines that the grids take side by side."""
    sizes = [plan.size(grid) for grid in grids]
    margin, between = (MARGIN, 1) if plan.label else (1, 0)
    beside = max(1, (width + margin) // (max(across for _, across in sizes) + margin))
    rows = -(-len(sizes) // beside)
    return rows * (max(lines for lines, _ in sizes) + between) - between
