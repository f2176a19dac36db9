"""The labels beside and above the cells of a picture: tokens, or numbers with a key."""

from collections.abc import Iterator
from typing import NamedTuple

from attn_cli.trace.trace import Array
from attn_cli.views.drawing.pictures.heatmap_layout import HeatmapLayout
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, fit, pad
from attn_cli.views.page import Grid

KEYED = 100


class Panel(NamedTuple):
    """One matrix of a picture: `values` after pooling, `cut` the rows and columns that each cell covers."""

    grid: Grid
    title: str
    values: Array
    cut: tuple[int, int]


def row_labels(grid: Grid, screen: Screen) -> tuple[str, ...]:
    """Row tokens, with indices if the columns are some of the same tokens, so that rows explain column numbers."""
    names = screen.labels(grid.rows)
    if grid.columns != grid.rows and grid.positions is None:
        return names
    digits = len(str(len(names) - 1))
    return tuple(f"{index:>{digits}} {name}" for index, name in enumerate(names))


def beside(panel: Panel, plan: HeatmapLayout, screen: Screen) -> Iterator[str]:
    """A label for each line, that of its first row; indices alone if rows were pooled."""
    step = panel.cut[0]
    names = screen.labels(panel.grid.rows) if plan.wide else row_labels(panel.grid, screen)
    if step > 1:
        names = tuple(map(str, range(len(names))))
    for row in range(0, len(panel.values), 2 if plan.half else 1):
        yield pad(names[row * step], plan.label - 1, right=step > 1, more=screen.signs.more) + " "


def above(panel: Panel, start: int, end: int, plan: HeatmapLayout, screen: Screen) -> str:
    """The labels above columns start … end: their tokens, or the indices of as many as fit."""
    columns, step = panel.grid.columns, panel.cut[1]
    if plan.wide and columns is not None:
        names = screen.labels(columns[start:end])
        more = screen.signs.more
        if plan.figures:
            return "".join(pad(name, plan.cell - 1, right=True, more=more) + " " for name in names)
        return "".join(_centered(name, plan.cell, screen) for name in names)
    every = 1
    while every * plan.cell <= len(str((end - 1) * step)):
        every = {1: 2, 2: 5}.get(every, every + 5)
    text = ""
    for column in range(-(-start // every) * every, end, every):
        index = column * step if panel.grid.positions is None else panel.grid.positions[column * step]
        text = text.ljust((column - start) * plan.cell) + str(index)
    return text if len(text) <= (end - start) * plan.cell else text.rpartition(" ")[0].rstrip()


def key(panel: Panel, plan: HeatmapLayout, screen: Screen) -> str:
    """The tokens of the column numbers in a line of text; empty if the rows or the columns already show them."""
    columns = panel.grid.columns
    if not plan.label or plan.wide or columns is None or panel.cut[1] > 1:
        return ""
    if columns == panel.grid.rows or panel.grid.positions is not None:
        return ""
    pairs = " · ".join(f"{column} {name}" for column, name in enumerate(screen.labels(columns[:KEYED])))
    return f"columns: {pairs}" + (" …" if len(columns) > KEYED else "")


def _centered(name: str, width: int, screen: Screen) -> str:
    name = fit(name, width - 1, screen.signs.more)
    before = (width - cells(name)) // 2
    return " " * before + pad(name, width - before)
