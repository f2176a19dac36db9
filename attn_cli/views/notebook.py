"""A trace in a notebook: a fragment of HTML that needs nothing else, neither scripts nor other files."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import accumulate, pairwise

import numpy as np

from attn_cli.analysis.masked import marked
from attn_cli.trace.trace import Array, Layer, Trace
from attn_cli.views.drawing.colors.palette import Palette, palette_of, readable_on
from attn_cli.views.drawing.colors.scale import ColorRange, scale_of
from attn_cli.views.drawing.folding import Fold, fold, note_of
from attn_cli.views.drawing.numbers import Form, form_of
from attn_cli.views.drawing.text import labels, safe
from attn_cli.views.page import Grid, Prose
from attn_cli.views.pages.explain import grids
from attn_cli.views.pages.provenance import provenance

LAYERS = 3
WEIGHTS, OTHERS = 2048, 512  # the most cells of a stage, besides those of its first head
SIDE = 16
DIGITS = 3

_FRAME = "font-family:ui-monospace,monospace;font-size:12px;line-height:1.35"
_TABLE = "border-collapse:collapse;margin:4px 16px 8px 0;display:inline-table;width:auto;vertical-align:top"
_LABEL = "text-align:left;font-weight:normal"
_HEAD = "text-align:right;font-weight:normal"


def html(trace: Trace) -> str:
    """The origin of the trace, the weights of each head as a colored table, and the other stages collapsed."""
    parts = [f"<div>{_text(block.text)}</div>" for block in provenance(trace, None) if type(block) is Prose]
    for layer in marked(trace).layers[:LAYERS]:
        parts += _layer(layer)
    if len(trace.layers) > LAYERS:
        more = len(trace.layers) - LAYERS
        parts.append(f"<div>… {more:,} more layers are in the trace, not shown here</div>")
    return f'<div style="{_FRAME}">{"".join(parts)}</div>'


def _layer(layer: Layer) -> Iterator[str]:
    yield f"<div><b>{_text(layer.name)}</b></div>"
    for stage in layer.stages:
        weights = stage.name == "weights"
        body = "".join(_grids(grids(layer, stage), WEIGHTS if weights else OTHERS))
        title = _text(stage.formula or stage.name)
        meaning = f"<div>{_text(stage.kind.meaning)}</div>"
        if weights:
            yield f"<div><b>{title}</b></div>{meaning}<div>{body}</div>"
        else:
            yield f"<details><summary>{title}</summary>{meaning}{body}</details>"


def _grids(shown: Sequence[Grid], most: int) -> Iterator[str]:
    """Tables on one color scale and in one format, with at most `most` cells in all."""
    size = max((min(n, SIDE) * min(m, SIDE) for n, m in (grid.values.shape for grid in shown)), default=0)
    some = shown[: max(1, most // max(1, size))]
    folds = [(fold(grid.values.shape[0], SIDE), fold(grid.values.shape[1], SIDE)) for grid in some]
    arrays = [
        np.asarray(grid.values[np.ix_(list(down.indices), list(across.indices))], dtype=np.float64)
        for grid, (down, across) in zip(some, folds, strict=True)
    ]
    signed = any(grid.signed for grid in some)
    palette = palette_of(None, signed=signed)
    scale = scale_of(arrays, signed=signed, centered=palette.diverging)
    form = form_of(np.concatenate([array.ravel() for array in arrays]) if arrays else np.zeros(0), DIGITS)
    for grid, array, (down, across) in zip(some, arrays, folds, strict=True):
        yield _table(grid, (down, across), _cells(array, form, scale, palette, grid.mask))
    if len(shown) > len(some):
        yield f"<div>… {len(shown) - len(some):,} more heads are in the trace, not shown here</div>"


def _cells(values: Array, form: Form, scale: ColorRange, palette: Palette, mask: str) -> list[list[str]]:
    """A colored cell for each number (row, column)."""
    count = len(palette.levels)
    styles = [f"background:{_rgb(level)};color:{_rgb(readable_on(level))}" for level in palette.levels]
    styles += ["opacity:0.5", "font-weight:bold"]
    widths = [form.width + 2] * values.shape[1]
    ends = [0, *accumulate(widths)]
    levels = scale.levels(values, count).tolist()
    return [
        [
            f'<td style="{styles[level]}">{text[a:b].strip()}</td>'
            for level, (a, b) in zip(row, pairwise(ends), strict=True)
        ]
        for row, text in zip(levels, form.rows(values, widths, mask), strict=True)
    ]


def _table(grid: Grid, folds: tuple[Fold, Fold], rows: list[list[str]]) -> str:
    down, across = folds
    names = labels([grid.rows[index] for index in down.indices])
    columns = grid.columns
    heads = labels([columns[index] for index in across.indices]) if columns is not None else map(str, across.indices)
    top = [f'<th style="{_HEAD}"><bdi>{escape(head)}</bdi></th>' for head in heads]
    gap = "<td>…</td>"
    for at in across.gaps:
        for row in (top, *rows):
            row.insert(at, gap)
    lines = [
        f'<tr align="right"><th style="{_LABEL}"><bdi>{escape(name)}</bdi></th>{"".join(row)}</tr>'
        for name, row in zip(names, rows, strict=True)
    ]
    for at in down.gaps:
        lines.insert(at, f'<tr><td style="{_LABEL}">⋮</td></tr>')
    folded = note_of(down, across).removesuffix("; --full shows all")
    words = " · ".join(filter(None, (_text(grid.title), folded, _text(grid.note))))
    caption = f'<caption style="caption-side:top;text-align:left;padding:1px 8px">{words}</caption>' if words else ""
    return f'<table style="{_TABLE}" cellpadding="3">{caption}<tr><td></td>{"".join(top)}</tr>{"".join(lines)}</table>'


def _rgb(color: tuple[int, int, int]) -> str:
    return "#" + bytes(color).hex()


def _text(text: str) -> str:
    return escape(safe(text))
