"""A text on a screen, each token painted by its share; lines in which little happens are folded away."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line, Piece
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.drawing.colors.styles import FAINT, style_of, text_styles, underlined
from attn_cli.views.drawing.pictures.bar import bar_lines
from attn_cli.views.drawing.pictures.folded_text import Row, chosen_rows
from attn_cli.views.drawing.pictures.heat import painter_of
from attn_cli.views.drawing.pictures.percent import percent, percents
from attn_cli.views.drawing.pictures.set_text import Marks, TextLine, set_text
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import isolated, wrap
from attn_cli.views.page import Passage

if TYPE_CHECKING:
    from rich.style import Style

GUTTER = 6
"""The cells before each line: its share in per cent."""
NARROW = 40
LEAST = 4
"""The fewest lines of a folded text."""
AROUND = 5
"""The lines of the legend, of the title's rule, the empty ones, and one for the prompt."""


def passage_lines(block: Passage, display: Display, screen: Screen) -> Iterator[Line]:
    """The lines of the text with their shares at the left, then what the paint means."""
    if not block.tokens:
        return
    gutter = GUTTER if screen.width >= NARROW else 0
    marks = Marks(block.marks if screen.color is None else {}, {*block.marks, *block.queries})
    lines = set_text(block, marks, screen, screen.width - gutter)
    gutter = gutter if len(lines) > 1 else 0
    rows = chosen_rows(block, lines, room=_room(block, display, screen))
    numbers = percents([row.share for row in rows]) if np.isfinite(block.shares).all() else [0] * len(rows)
    styles = _styles(block, display, screen)
    for row, number in zip(rows, numbers, strict=True):
        share = f"{number}%" if number else "<1%" if row.share > 0 and row.folded else ""
        start: list[Piece] = [(f"{share:>{GUTTER - 2}}  ", style_of(FAINT, screen.color))] if gutter else []
        if row.folded:
            yield [*start, (_fold_text(row, screen), style_of(FAINT, screen.color))]
        else:
            yield [*start, *_pieces(row.line, styles)]
    yield []
    yield from _legend(block, display, screen)


def _room(block: Passage, display: Display, screen: Screen) -> int | None:
    """The lines that the text may fill; None for all of them."""
    if display.full:
        return None
    if not screen.height:
        return 16
    others = sum(len(list(wrap(screen.spell(text), screen.width))) for text in block.beside)
    return max(LEAST, screen.height - others - AROUND)


def _fold_text(row: Row, screen: Screen) -> str:
    masked = ", masked" if row.masked else ""
    return f"{screen.signs.below} {row.folded:,} token{'s' * (row.folded != 1)}{masked}"


def _styles(block: Passage, display: Display, screen: Screen) -> "dict[int, Style | None]":
    """The style of each token: painted by its share, faint where masked, underlined where it asks."""
    faint = style_of(FAINT, screen.color)
    if screen.color is None:
        return {}
    shown = COLOR_SCALES[display.color_scale].painted([_painted(block)])[0]
    painter = painter_of([shown], COLOR_SCALES[display.color_scale], display, screen, signed=False)
    paints = text_styles(painter.palette, screen.color)
    levels = painter.scale.levels(shown, len(paints))[0].tolist()[: len(block.tokens)]
    styles: dict[int, Style | None] = {}
    for key, level in enumerate(levels):
        painted = max(level, 1) if key in block.marks else level  # what is marked without color is seen with it
        paint = paints[painted] if 0 < painted < len(paints) else None
        styles[key] = faint if block.masked[key] else paint
    for key in block.queries:
        styles[key] = underlined(styles[key], screen.color)
    return styles


def _painted(block: Passage) -> Array:
    """The shares as one row, none above the strongest color; one more cell holds that, where it is given."""
    if block.largest is None:
        return block.shares[np.newaxis]
    return np.append(np.minimum(block.shares, block.largest), block.largest)[np.newaxis]


def _pieces(line: TextLine, styles: "dict[int, Style | None]") -> Iterator[Piece]:
    for text, key in line.parts:
        yield isolated(text), None if key is None else styles.get(key)


def _legend(block: Passage, display: Display, screen: Screen) -> Iterator[Line]:
    signs = screen.signs
    words = []
    if len(block.queries) == 1:
        opening, closing = screen.quotes
        words.append(f"{opening}x{closing} the query")
    if block.masked.any():
        words.append(f"{signs.hidden} masked")
    if screen.color is None:
        words = ["[x]41% share of the attention", *words]
        for text in wrap(screen.spell(", ".join(words)), screen.width):
            yield [(text, None)]
        return
    scale = COLOR_SCALES[display.color_scale]
    shown = scale.painted([_painted(block)])
    painter = painter_of(shown, scale, display, screen, signed=False)
    over = "more for the sink" if block.largest and np.nanmax(block.shares) > block.largest else ""
    meaning = ", ".join(filter(None, ["share of the attention", scale.meaning, over, *words]))
    write = percent if display.color_scale in ("linear", "log") else None
    yield from bar_lines(painter, shown, meaning, display.precision, scale.number, write)
