"""How large the cells of a picture are: the first way in which all of its matrices fit on one screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attn_cli.views.page import Grid
from attn_cli.views.pooling import blocks_for
from attn_cli.views.screen import Screen

LINES = 48
LABEL = 16
WIDE = 12
MARGIN = 2
THUMBS = (32, 24, 16, 12, 8, 6, 4)


@dataclass(frozen=True)
class Plan:
    """A cell is `cell` characters wide, or half a line high (`half`); matrices larger than rows × columns are pooled.

    `label` is the room for row labels, 0 for none; `wide` cells have room for the labels of their columns.
    """

    cell: int
    half: bool
    label: int
    rows: int
    columns: int
    wide: bool = False

    @property
    def tall(self) -> int:
        """How many times higher than wide a cell is."""
        return 2 if self.cell == 1 and not self.half else 1

    def pool(self, grid: Grid) -> tuple[int, int]:
        """The rows and columns that make one cell."""
        height, width = grid.values.shape
        return blocks_for((height, width), self.rows, self.columns, tall=self.tall)

    def size(self, grid: Grid) -> tuple[int, int]:
        """The lines and the cells that a grid takes, its title and column labels included."""
        down, across = self.pool(grid)
        height, width = -(-grid.values.shape[0] // down), -(-grid.values.shape[1] // across)
        lines = -(-height // 2) if self.half else height
        return lines + bool(grid.title) + bool(self.label), width * self.cell + self.label


def plan_for(grids: Sequence[Grid], labels: int, names: int, screen: Screen, *, full: bool) -> Plan:
    """The plan for grids whose row labels take `labels` cells and whose column labels take `names`."""
    most = max(grid.values.shape[1] for grid in grids)
    label = min(labels, LABEL, max(4, screen.width // 4)) + 1
    halves = screen.signs.halves and not screen.shaded
    endless = 10**9
    if full:
        return Plan(2, False, label, endless, endless)
    plans = list(_plans(grids, label, names, halves, screen.width))
    for plan in plans:
        whole = plan.label == 0 or all(plan.pool(grid) == (1, 1) for grid in grids) or len(grids) == 1
        if whole and _lines(plan, grids, screen.width) <= LINES and most:
            return plan
    return plans[-1]


def _plans(grids: Sequence[Grid], label: int, names: int, halves: bool, width: int) -> Iterator[Plan]:
    room = max(1, width - label)
    most = max(grid.values.shape[1] for grid in grids)
    tallest = max(grid.values.shape[0] for grid in grids)
    if len(grids) == 1:
        cell = min(names, WIDE) + 2
        if most * cell <= room and tallest <= LINES:
            yield Plan(cell, False, label, tallest, most, wide=True)
    if most * 2 <= room:
        yield Plan(2, False, label, max(1, tallest), max(1, most))
    if most <= room:
        yield Plan(1, halves, label, max(1, tallest), max(1, most))
    if len(grids) == 1:
        yield Plan(1, halves, label, 2 * (LINES - 4) if halves else LINES - 4, room)
    for edge in THUMBS:
        yield Plan(1, halves, 0, edge if halves else edge // 2, min(edge, width))


def _lines(plan: Plan, grids: Sequence[Grid], width: int) -> int:
    """How many lines the grids take when they flow."""
    total = high = used = 0
    for grid in grids:
        lines, across = plan.size(grid)
        if used and used + MARGIN + across > width:
            total, high, used = total + high + bool(plan.label), 0, 0
        used += across + (MARGIN if used else 0)
        high = max(high, lines)
    return total + high
