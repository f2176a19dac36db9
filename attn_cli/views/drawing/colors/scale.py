"""From numbers to color levels: the range of the colors, and two codes for cells without a color."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array
from attn_cli.views.drawing.colors.palette import level_of


class ColorRange(NamedTuple):
    """The numbers of the lowest and of the highest color."""

    low: float
    high: float

    def levels(self, values: Array, count: int) -> Array:
        """The level of each number, `count` for a masked cell (−∞), `count + 1` for NaN."""
        middle = self.high / 2 + self.low / 2
        half = self.high / 2 - self.low / 2
        with np.errstate(invalid="ignore", over="ignore"):
            shares = (values - middle) / half / 2 + 0.5 if half > 0 else np.full(values.shape, 0.5)
        nan, hidden = np.isnan(values), np.isneginf(values)
        levels = level_of(np.where(nan | hidden, 0, shares), count)
        levels[hidden] = count
        levels[nan] = count + 1
        return levels

    @property
    def middle(self) -> float:
        return self.low / 2 + self.high / 2


def scale_of(arrays: Sequence[Array], *, signed: bool, centered: bool) -> ColorRange:
    """The range of the finite numbers: symmetric around 0 if `centered`, else from 0 unless they are signed."""
    finite = [array[np.isfinite(array)] for array in arrays]
    ends = [(float(a.min()), float(a.max())) for a in finite if a.size] or [(0.0, 0.0)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if centered:
        largest = max(-low, high)
        return ColorRange(-largest, largest)
    if not signed:
        low = min(0.0, low)
        high = high if high > low else low + 1.0
    return ColorRange(low, high)
