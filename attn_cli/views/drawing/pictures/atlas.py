"""The atlas on a screen: a row of small pictures for each layer, a column for each head."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line, Piece
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.styles import BOLD, FAINT, style_of
from attn_cli.views.drawing.pictures.bar import bar_lines
from attn_cli.views.drawing.pictures.heat import painter_of
from attn_cli.views.drawing.pictures.percent import percent
from attn_cli.views.drawing.pictures.pooling import blocks_for, pooled, pooling_note
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, fit, wrap
from attn_cli.views.page import Atlas, AtlasRow, Profiles

LEAST = 16
"""Matrices of so many tokens are never pooled."""
EDGES = (32, 24, LEAST)
ROWS = 2
"""The rows of pictures that a layer may take before pictures are pooled."""
HEADER = "head"


class Thumbs(NamedTuple):
    """The size of a picture and how many stand in a row; `label` is the width of the layers' labels."""

    width: int
    each: int
    label: int
    cuts: frozenset[tuple[int, int]]


def atlas_lines(block: Atlas, display: Display, screen: Screen) -> Iterator[Line]:
    """A row of pictures for each layer, in several lines of pictures if they do not fit beside each other."""
    grids = [grid for row in block.rows for grid in row.heads if grid.values.size]
    if not grids:
        return
    halves = screen.signs.halves and not screen.shaded
    label = max(len(HEADER), *(cells(row.label) for row in block.rows)) + 1
    heads = max(len(row.heads) for row in block.rows)
    rows, columns = max(grid.values.shape[0] for grid in grids), max(grid.values.shape[1] for grid in grids)
    edge = columns if display.full else _edge(max(rows, columns), heads, label, screen.width)
    tall = 1 if halves else 2
    cut = blocks_for((rows, columns), max(1, rows if edge >= rows else edge // tall), edge, tall=tall)
    thumbs = _thumbs(-(-columns // cut[1]), heads, label, screen.width, frozenset({cut}))
    values = [[pooled(grid.values, *cut, display.pool) for grid in row.heads] for row in block.rows]
    colored = COLOR_SCALES[display.color_scale]
    painted = iter(colored.painted([matrix for matrices in values for matrix in matrices]))
    shown = [[next(painted) for _ in matrices] for matrices in values]
    flat = [matrix for matrices in shown for matrix in matrices]
    painter = painter_of(flat, colored, display, screen, signed=False)
    for number, (row, matrices) in enumerate(zip(block.rows, shown, strict=True)):
        drawn = [list(painter.halves(matrix) if halves else painter.cells(matrix, 1)) for matrix in matrices]
        yield from _layer(row, drawn, thumbs, screen, header=number == 0)
    yield []
    if note := pooling_note(set(thumbs.cuts), display.pool):
        yield from _faint(note, screen)
    meaning = ", ".join(filter(None, (block.meaning, colored.meaning)))
    write = percent if display.color_scale in ("linear", "log") else None
    yield from bar_lines(painter, flat, meaning, display.precision, colored.number, write)


def _edge(tokens: int, heads: int, label: int, width: int) -> int:
    """The cells of a picture: all tokens up to LEAST, else as many as let a layer fit into ROWS rows."""
    if tokens <= LEAST:
        return tokens
    for edge in (tokens, *EDGES):
        if edge <= max(tokens, LEAST) and heads <= ROWS * _each(edge, label, width) and edge <= EDGES[0]:
            return edge
    return LEAST


def _each(thumb: int, label: int, width: int) -> int:
    return max(1, (width - label + 1) // (thumb + 1))


def _thumbs(thumb: int, heads: int, label: int, width: int, cuts: frozenset[tuple[int, int]]) -> Thumbs:
    """As many pictures in a row as fit, and the same number in each row of a layer."""
    lines = -(-heads // _each(thumb, label, width))
    return Thumbs(thumb, -(-heads // lines), label, cuts)


def _layer(
    row: AtlasRow,
    drawn: Sequence[Sequence[Line]],
    thumbs: Thumbs,
    screen: Screen,
    *,
    header: bool,
) -> Iterator[Line]:
    """The pictures of one layer; above those of the first layer stand the numbers of their heads."""
    bold, faint = style_of(BOLD, screen.color), style_of(FAINT, screen.color)
    for start in range(0, len(drawn), thumbs.each):
        part = drawn[start : start + thumbs.each]
        if header:
            names = [grid.title for grid in row.heads[start : start + thumbs.each]]
            word = HEADER if start == 0 else ""
            yield [(f"{word:<{thumbs.label}}" + _header(names, thumbs.width, screen), faint)]
        else:
            yield []
        name = row.label if start == 0 else f"{row.label}.{row.heads[start].title}"
        for number in range(max(len(lines) for lines in part)):
            text = fit(name, thumbs.label - 1, screen.signs.more) if number == 0 else ""
            line: list[Piece] = [(text.ljust(thumbs.label), bold if number == 0 else None)]
            for lines in part:
                pieces = lines[number] if number < len(lines) else []
                line += [*pieces, (" " * (thumbs.width - sum(len(t) for t, _ in pieces) + 1), None)]
            yield line


def _header(names: Sequence[str], width: int, screen: Screen) -> str:
    return "".join(fit(name, width, "").ljust(width + 1) for name in names)


def profile_lines(block: Profiles, display: Display, screen: Screen) -> Iterator[Line]:
    """One line of cells for each head, a row for each layer; above them the numbers of the heads."""
    bands = len(block.names)
    label = max(len(HEADER), *(cells(row.label) for row in block.rows)) + 1
    heads = max(len(row.heads) for row in block.rows)
    thumbs = _thumbs(bands, heads, label, screen.width, frozenset())
    values: list[Array] = [grid.values for row in block.rows for grid in row.heads]
    colored = COLOR_SCALES[display.color_scale]
    shown = iter(colored.painted(values))
    painted = [[next(shown) for _ in row.heads] for row in block.rows]
    flat = [matrix for matrices in painted for matrix in matrices]
    painter = painter_of(flat, colored, display, screen, signed=False)
    for number, (row, matrices) in enumerate(zip(block.rows, painted, strict=True)):
        drawn = [list(painter.cells(matrix, 1)) for matrix in matrices]
        yield from _profile(row, drawn, thumbs, screen, header=number == 0)
    yield []
    yield from _faint(f"Cells from left to right: {', '.join(block.names)} (−4: 3 and 4 tokens back)", screen)
    write = percent if display.color_scale in ("linear", "log") else None
    yield from bar_lines(painter, flat, block.meaning, display.precision, colored.number, write)


def _profile(
    row: AtlasRow, drawn: Sequence[Sequence[Line]], thumbs: Thumbs, screen: Screen, *, header: bool
) -> Iterator[Line]:
    bold, faint = style_of(BOLD, screen.color), style_of(FAINT, screen.color)
    for start in range(0, len(drawn), thumbs.each):
        if header:
            names = [grid.title for grid in row.heads[start : start + thumbs.each]]
            word = HEADER if start == 0 else ""
            yield [(f"{word:<{thumbs.label}}" + _header(names, thumbs.width, screen), faint)]
        name = row.label if start == 0 else ""
        line: list[Piece] = [(name.ljust(thumbs.label), bold)]
        for lines in drawn[start : start + thumbs.each]:
            line += [*lines[0], (" ", None)]
        yield line


def _faint(note: str, screen: Screen) -> Iterator[Line]:
    for text in wrap(screen.spell(note), screen.width, 2):
        yield [(text, style_of(FAINT, screen.color))]
