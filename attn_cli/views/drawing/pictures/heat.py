"""Heatmaps on a screen: colored cells, shades or numbers in per cent, small multiples, and the color bar."""

from collections.abc import Iterator, Sequence

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Box, Line, flow
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES, ColorScale
from attn_cli.views.drawing.colors.palette import palette_of
from attn_cli.views.drawing.colors.scale import scale_of
from attn_cli.views.drawing.colors.styles import BOLD, FAINT, cell_styles, style_of
from attn_cli.views.drawing.folding import blocks
from attn_cli.views.drawing.pictures.axes import Panel, above, beside, key, row_labels
from attn_cli.views.drawing.pictures.bar import bar_lines
from attn_cli.views.drawing.pictures.cell_painter import CellPainter
from attn_cli.views.drawing.pictures.heatmap_layout import MARGIN, HeatmapLayout, LabelWidths, Wishes, plan_for
from attn_cli.views.drawing.pictures.percent import cell_texts, percent
from attn_cli.views.drawing.pictures.pooling import pooled, pooling_note
from attn_cli.views.drawing.pictures.titles import short_titles
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.table import laid_out, numbers_lines
from attn_cli.views.drawing.text import cells, fit, wrap
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
    plan = _plan(block, grids, display, screen)
    panels = _panels(grids, plan, display)
    colored = COLOR_SCALES["linear" if signed else display.color_scale]
    shown = colored.painted([panel.values for panel in panels])
    painter = painter_of(shown, colored, display, screen, signed=signed)
    if display.numbers:
        yield from numbers_lines(Numbers(tuple(grids)), in_picture(display), screen)
        yield []
    else:
        yield from _panel_lines(panels, shown, plan, painter, display)
        yield []
        for note in _notes(panels, plan, display, screen):
            for text in wrap(screen.spell(note), screen.width, 2):
                yield [(text, style_of(FAINT, screen.color))]
    meaning = ", ".join(filter(None, (block.meaning, colored.meaning)))
    if plan.figures and not display.numbers:
        for text in wrap(screen.spell(_figures_note(shown, meaning, screen)), screen.width):
            yield [(text, style_of(FAINT, screen.color))]
        return
    write = percent if block.shares and display.color_scale in ("linear", "log") else None
    yield from bar_lines(painter, shown, meaning, display.precision, colored.number, write)


def painter_of(
    shown: Sequence[Array], colored: ColorScale, display: Display, screen: Screen, *, signed: bool
) -> CellPainter:
    """The styles of cells for the painted numbers of a picture."""
    palette = palette_of(display.palette, signed=signed, background=screen.background)
    scale = scale_of(
        shown, signed=signed or colored.from_lowest, centered=palette.diverging and not colored.from_lowest
    )
    return CellPainter(scale, palette, cell_styles(palette, screen.color, screen.signs.levels), screen)


def _figures_note(shown: Sequence[Array], meaning: str, screen: Screen) -> str:
    hidden = any(np.isneginf(values).any() for values in shown)
    parts = [meaning or "share of attention", "in per cent", *([f"{screen.signs.hidden} masked"] if hidden else [])]
    return ", ".join(parts)


def _few(grids: Sequence[Grid], display: Display, screen: Screen) -> bool:
    """Whether all numbers fit on the screen."""
    if sum(grid.values.size for grid in grids) > FEW:
        return False
    layouts, _ = laid_out(Numbers(tuple(grids)), in_picture(display), screen)
    return not any(layout.fit.across.hidden or layout.fit.down.hidden for layout in layouts)


def in_picture(display: Display) -> Display:
    """The display for numbers in cells: two digits, unless the reader chose a precision."""
    return display._replace(precision=SHORT) if display.precision == Display().precision else display


def _plan(block: Picture, grids: Sequence[Grid], display: Display, screen: Screen) -> HeatmapLayout:
    first = grids[0]
    names = (screen.labels(first.rows), row_labels(first, screen), screen.labels(first.columns or ()))
    labels = LabelWidths(*(max(map(cells, tokens), default=2) for tokens in names))
    return plan_for(grids, labels, screen, Wishes(display.full, block.shares, block.figures))


def _panels(grids: Sequence[Grid], plan: HeatmapLayout, display: Display) -> list[Panel]:
    cuts = [plan.pool(grid) for grid in grids]
    values = [
        np.asarray(pooled(grid.values, *cut, display.pool), dtype=np.float64)
        for grid, cut in zip(grids, cuts, strict=True)
    ]
    titles = short_titles([grid.title for grid in grids], plan.room(min(array.shape[1] for array in values)))
    return [Panel(*parts) for parts in zip(grids, titles, values, cuts, strict=True)]


def _panel_lines(
    panels: Sequence[Panel], shown: Sequence[Array], plan: HeatmapLayout, painter: CellPainter, display: Display
) -> Iterator[Line]:
    """The matrices side by side; row labels stand once, at the left, where all have the same rows."""
    screen = painter.screen
    boxes = [_box(panel, values, plan, painter, full=display.full) for panel, values in zip(panels, shown, strict=True)]
    if not plan.label:
        yield from flow(boxes, screen.width, 1, between=0)
        return
    if display.full or any(panel.grid.rows != panels[0].grid.rows for panel in panels):
        labelled = [_labelled(box, panel, plan, screen) for box, panel in zip(boxes, panels, strict=True)]
        yield from flow(labelled, screen.width, MARGIN)
        return
    each = plan.beside(max(box.width for box in boxes), screen.width)
    for start in range(0, len(boxes), each):
        if start:
            yield []
        row = boxes[start : start + each]
        labels = _label_column(panels[start], plan, screen)
        lines = list(flow(row, max(1, screen.width - plan.label), MARGIN))
        remarks = _remarks(panels[start], row, plan, screen) if len(panels) == 1 else {}
        for number, line in enumerate(lines):
            label = labels[number] if number < len(labels) else " " * plan.label
            bare = not line and not label.strip()
            yield [] if bare else [(label, None), *line, *remarks.get(number, ())]


def _label_column(panel: Panel, plan: HeatmapLayout, screen: Screen) -> list[str]:
    """The labels of the lines of a panel: none for its title and its columns."""
    head = " " * plan.label
    return [*([head] if panel.title else []), head, *beside(panel, plan, screen)]


def _labelled(box: Box, panel: Panel, plan: HeatmapLayout, screen: Screen) -> Box:
    """A box with the labels of its rows in front of each of its blocks of columns."""
    head, rows = " " * plan.label, list(beside(panel, plan, screen))
    start = 1 if panel.title else 0
    lines = list(box.lines)
    sizes = list(box.widths)
    at = start
    while at < len(lines) and len(rows) + at < len(lines) + 1:
        block = [head, *rows]
        if at + len(block) > len(lines):
            break
        for number, label in enumerate(block):
            lines[at + number] = [(label, None), *lines[at + number]]
            sizes[at + number] += plan.label
        at += len(block) + 1  # an empty line between blocks of columns
    return Box(tuple(lines), tuple(sizes))


def _remarks(panel: Panel, row: Sequence[Box], plan: HeatmapLayout, screen: Screen) -> dict[int, Line]:
    """Who each row looks at most, by line, where there is room beside the cells."""
    names = screen.labels(panel.grid.remarks)
    if not names or plan.half or panel.cut != (1, 1):
        return {}
    room = screen.width - plan.label - row[0].width - 2
    longest = max(map(cells, names))
    for words in ("looks most at ", "→ "):
        text = screen.spell(words)
        if cells(text) + longest <= room:
            first = 1 + bool(panel.title)
            return {
                first + number: [(f"  {text}{name}" if name else "", style_of(FAINT, screen.color))]
                for number, name in enumerate(names)
            }
    return {}


def _box(panel: Panel, values: Array, plan: HeatmapLayout, painter: CellPainter, *, full: bool) -> Box:
    """One matrix with its title and the labels of its columns; `values` are the painted ones."""
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
    texts = cell_texts(panel.values, screen.signs.hidden) if plan.figures else None
    for start, end in spans:
        if start:
            lines.append([])
            sizes.append(0)
        part = values[:, start:end]
        if plan.half:
            drawn = list(painter.halves(part))
        else:
            drawn = list(painter.cells(part, plan.cell, texts and [row[start:end] for row in texts]))
        if plan.label:
            names = above(panel, start, end, plan, screen)
            lines.append([(names, None)])
            sizes.append(cells(names))
        lines += drawn
        sizes += [(end - start) * plan.cell] * len(drawn)
    for text in wrap(screen.spell(panel.grid.note), screen.width) if panel.grid.note else ():
        lines.append([(text, style_of(FAINT, screen.color))])
        sizes.append(cells(text))
    return Box(tuple(lines), tuple(sizes))


def _notes(panels: Sequence[Panel], plan: HeatmapLayout, display: Display, screen: Screen) -> Iterator[str]:
    """Notes on how to read the picture: the meaning of titles and column numbers, and the size of pooled cells."""
    first = panels[0]
    if not first.grid.title.startswith(first.title):
        yield "Labels are layer.head" if "." in first.title else f"{first.title} is {first.grid.title}"
    if words := key(first, plan, screen):
        yield words
    if note := pooling_note({panel.cut for panel in panels}, display.pool):
        yield note
