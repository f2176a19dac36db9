"""What the cells of a picture are drawn with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.drawing.boxes import Line, runs
from attn_cli.views.drawing.palette import Palette
from attn_cli.views.drawing.scale import Scale
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.styles import BOLD, FAINT, Ink, grounds, half, style_of


@dataclass(frozen=True, repr=False)
class Brush:
    """The inks of the levels on a scale, and those of hidden cells and of NaN."""

    scale: Scale
    palette: Palette
    levels: tuple[Ink, ...]
    screen: Screen

    @property
    def hidden(self) -> Ink:
        return Ink(self.screen.signs.hidden, style_of(FAINT, self.screen.colour))

    @property
    def nan(self) -> Ink:
        return Ink("?", style_of(BOLD, self.screen.colour))

    def cells(self, values: Array, width: int) -> Iterator[Line]:
        """One line for each row, each cell `width` characters wide."""
        inks = (*self.levels, self.hidden, self.nan)
        parted = width > 2 and self.screen.colour is None  # shades alone do not show where a wide cell ends
        fills = [ink.sign * (width - parted) + " " * parted for ink in self.levels]
        fills += [ink.sign.center(width) for ink in inks[len(fills) :]]
        for row in self.scale.levels(values, len(self.levels)).tolist():
            yield [(fills[code] * (end - start), inks[code].style) for start, end, code in runs(row)]

    def halves(self, values: Array) -> Iterator[Line]:
        """One line for two rows; a last row without a partner stands above nothing."""
        codes = self.scale.levels(values, len(self.levels))
        if len(codes) % 2:
            codes = np.vstack([codes, np.full((1, codes.shape[1]), len(self.levels) + 2)])
        base = len(self.levels) + 3
        pairs = codes[0::2] * base + codes[1::2]
        inks = {pair: self._pair(*divmod(pair, base)) for pair in np.unique(pairs).tolist()}
        for row in pairs.tolist():
            yield [(inks[pair].sign * (end - start), inks[pair].style) for start, end, pair in runs(row)]

    def _pair(self, upper: int, lower: int) -> Ink:
        count = len(self.levels)
        if count + 1 in (upper, lower):
            return self.nan
        if upper >= count and lower >= count:
            return self.hidden
        colour = self.screen.colour or ""
        colours = (*grounds(self.palette, colour), None, None, None)
        return half(colours[upper], colours[lower], colour)
