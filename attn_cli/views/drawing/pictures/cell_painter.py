"""Drawing the cells of a picture: whole characters, or halves of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.drawing.boxes import Line, runs
from attn_cli.views.drawing.colors.palette import Palette
from attn_cli.views.drawing.colors.scale import ColorRange
from attn_cli.views.drawing.colors.styles import BOLD, FAINT, CellStyle, grounds, half, style_of, text_styles
from attn_cli.views.drawing.screen import Screen


class CellPainter(NamedTuple):
    """The styles of the levels on a scale, and those of masked cells and of NaN."""

    scale: ColorRange
    palette: Palette
    levels: tuple[CellStyle, ...]
    screen: Screen

    @property
    def hidden(self) -> CellStyle:
        return CellStyle(self.screen.signs.hidden, style_of(FAINT, self.screen.color))

    @property
    def nan(self) -> CellStyle:
        return CellStyle("?", style_of(BOLD, self.screen.color))

    def cells(self, values: Array, width: int, texts: Sequence[Sequence[str]] | None = None) -> Iterator[Line]:
        """One line for each row, each cell `width` characters wide, filled or with a text at its right."""
        if texts is not None:
            yield from self._texts(values, width, texts)
            return
        styles = (*self.levels, self.hidden, self.nan)
        gap = width > 2 and self.screen.color is None  # shades alone do not show where a wide cell ends
        fills = [style.sign * (width - gap) + " " * gap for style in self.levels]
        fills += [style.sign.center(width) for style in styles[len(fills) :]]
        for row in self.scale.levels(values, len(self.levels)).tolist():
            yield [(fills[code] * (end - start), styles[code].style) for start, end, code in runs(row)]

    def _texts(self, values: Array, width: int, texts: Sequence[Sequence[str]]) -> Iterator[Line]:
        styles = text_styles(self.palette, self.screen.color)
        faint = style_of(FAINT, self.screen.color)
        codes = self.scale.levels(values, max(1, len(styles))).tolist()
        for row, words in zip(codes, texts, strict=True):
            yield [
                (f"{text:>{width - 1}} ", styles[code] if code < len(styles) else faint)
                for code, text in zip(row, words, strict=True)
            ]

    def halves(self, values: Array) -> Iterator[Line]:
        """One line for two rows; an odd last row has an empty half below it."""
        codes = self.scale.levels(values, len(self.levels))
        if len(codes) % 2:
            codes = np.vstack([codes, np.full((1, codes.shape[1]), len(self.levels) + 2)])
        base = len(self.levels) + 3
        pairs = codes[0::2] * base + codes[1::2]
        styles = {pair: self._pair(*divmod(pair, base)) for pair in np.unique(pairs).tolist()}
        for row in pairs.tolist():
            yield [(styles[pair].sign * (end - start), styles[pair].style) for start, end, pair in runs(row)]

    def _pair(self, upper: int, lower: int) -> CellStyle:
        count = len(self.levels)
        if count + 1 in (upper, lower):
            return self.nan
        if upper >= count and lower >= count:
            return self.hidden
        color = self.screen.color or ""
        colors = (*grounds(self.palette, color), None, None, None)
        return half(colors[upper], colors[lower], color)
