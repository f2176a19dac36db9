"""Heatmaps on a screen: colored cells or shades, small multiples for many heads, and the color bar."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from attn_cli.views.display import Display
from attn_cli.views.drawing.axes import Panel, above, beside, key, row_labels
from attn_cli.views.drawing.bar import bar_lines
from attn_cli.views.drawing.boxes import Box, Line, flow
from attn_cli.views.drawing.cell_painter import CellPainter
from attn_cli.views.drawing.color_scales import COLOR_SCALES
from attn_cli.views.drawing.folding import blocks
from attn_cli.views.drawing.heatmap_layout import MARGIN, HeatmapLayout, LabelWidths, plan_for
from attn_cli.views.drawing.palette import palette_of
from attn_cli.views.drawing.pooling import pooled
from attn_cli.views.drawing.scale import scale_of
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.styles import BOLD, FAINT, cell_styles, style_of
from attn_cli.views.drawing.table import laid_out, numbers_lines
from attn_cli.views.drawing.text import cells, fit, wrap
from attn_cli.views.drawing.titles import short_titles
from attn_cli.views.page import Grid, Numbers, Picture

SHORT = 2
FEW = 300


def picture_lines(block: Picture, display: Display, screen: Screen) -> Iterator[Line]:
    """The lines of a picture: its matrices, then notes on how to read them, then the color bar."""
    grids = [grid for grid in block.grids if grid.values.size]
    for grid in block.grids:
        if not grid.values.size:
            yield [(screen.spell(f"empty: {'×'.join(map(str, grid.values.shape))}"), None)]
    if not grids:
        return
    signed = any(grid.signed for grid in grids)
    if signed and screen.color is None and not display.numbers and _few(grids, display, screen):
        # A middle shade is a poor zero: a few numbers are easier to read.
        yield from numbers_lines(Numbers(tuple(grids)), in_picture(display), screen)
        return
    plan = _plan(grids, display, screen)
    panels = _panels(grids, plan)
    colored = COLOR_SCALES["linear" if signed else display.color_scale]
    shown = colored.painted([panel.values for panel in panels])
    panels = [replace(panel, values=values) for panel, values in zip(panels, shown, strict=True)]
    palette = palette_of(display.palette, signed=signed)
    scale = scale_of(
        shown, signed=signed or colored.from_lowest, centered=palette.diverging and not colored.from_lowest
    )
    painter = CellPainter(scale, palette, cell_styles(palette, screen.color, screen.signs.shades), screen)
    if display.numbers:
        yield from numbers_lines(Numbers(tuple(grids)), in_picture(display), screen)
        yield []
    else:
        boxes = [_box(panel, plan, painter, full=display.full) for panel in panels]
        apart = bool(plan.label)
        yield from flow(boxes, screen.width, MARGIN if apart else 1, between=int(apart))
        yield []
        for note in _notes(panels, plan, screen):
            for text in wrap(screen.spell(note), screen.width, 2):
                yield [(text, style_of(FAINT, screen.color))]
    meaning = ", ".join(filter(None, (block.meaning, colored.meaning)))
    yield from bar_lines(painter, shown, meaning, display.precision, colored.number)


def _few(grids: Sequence[Grid], display: Display, screen: Screen) -> bool:
    """Whether all numbers fit on the screen."""
    if sum(grid.values.size for grid in grids) > FEW:
        return False
    layouts, _ = laid_out(Numbers(tuple(grids)), in_picture(display), screen)
    return all(layout.table.after is None and layout.table.below is None for layout in layouts)


def in_picture(display: Display) -> Display:
    """The display for numbers in cells: two digits, unless the reader chose a precision."""
    return replace(display, precision=SHORT) if display.precision == Display().precision else display


def _plan(grids: Sequence[Grid], display: Display, screen: Screen) -> HeatmapLayout:
    first = grids[0]
    names = (screen.labels(first.rows), row_labels(first, screen), screen.labels(first.columns or ()))
    labels = LabelWidths(*(max(map(cells, tokens), default=2) for tokens in names))
    return plan_for(grids, labels, screen, full=display.full)


def _panels(grids: Sequence[Grid], plan: HeatmapLayout) -> list[Panel]:
    cuts = [plan.pool(grid) for grid in grids]
    values = [np.asarray(pooled(grid.values, *cut), dtype=np.float64) for grid, cut in zip(grids, cuts, strict=True)]
    titles = short_titles([grid.title for grid in grids], plan.room(min(array.shape[1] for array in values)))
    return [Panel(*parts) for parts in zip(grids, titles, values, cuts, strict=True)]


def _box(panel: Panel, plan: HeatmapLayout, painter: CellPainter, *, full: bool) -> Box:
    """One matrix with its title and labels."""
    screen = painter.screen
    lines: list[Line] = []
    sizes: list[int] = []
    count = panel.values.shape[1]
    spans = blocks([plan.cell] * count, max(plan.cell, screen.width - plan.label)) if full else iter([(0, count)])
    if panel.title:
        room = screen.width if plan.label else plan.room(count)
        text = fit(screen.spell(panel.title), room, screen.signs.more)
        lines.append([(text, style_of(BOLD, screen.color))])
        sizes.append(cells(text))
    labels = list(beside(panel, plan, screen)) if plan.label else []
    for start, end in spans:
        if start:
            lines.append([])
            sizes.append(0)
        part = panel.values[:, start:end]
        drawn = list(painter.halves(part) if plan.half else painter.cells(part, plan.cell))
        if plan.label:
            drawn = [[(label, None), *line] for label, line in zip(labels, drawn, strict=True)]
            drawn.insert(0, [(" " * plan.label + above(panel, start, end, plan, screen), None)])
        lines += drawn
        sizes += [plan.label + (end - start) * plan.cell] * len(drawn)
        if plan.label:
            sizes[-len(drawn)] = cells(drawn[0][0][0])
    for text in wrap(screen.spell(panel.grid.note), screen.width) if panel.grid.note else ():
        lines.append([(text, style_of(FAINT, screen.color))])
        sizes.append(cells(text))
    return Box(tuple(lines), tuple(sizes))


def _notes(panels: Sequence[Panel], plan: HeatmapLayout, screen: Screen) -> Iterator[str]:
    """Notes on how to read the picture: the meaning of titles and column numbers, and the size of pooled cells."""
    first = panels[0]
    if first.title != first.grid.title:
        yield "Labels are layer.head" if "." in first.title else f"{first.title} is {first.grid.title}"
    if words := key(first, plan, screen):
        yield words
    pools = sorted({panel.cut for panel in panels} - {(1, 1)})
    if pools:
        sizes = " or ".join(f"{down} × {across}" for down, across in pools)
        yield f"{sizes} tokens per cell (mean); --full shows every token"
