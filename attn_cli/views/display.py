"""Display settings: how the reader wants to see a page."""

from typing import NamedTuple


class Display(NamedTuple):
    """Digits after the point, the palette (None: chosen by the data), all rows and columns, numbers in pictures.

    `exact` keeps the digits even where fewer would fit better. `color_scale` is a name of COLOR_SCALES: how weights
    become colors. `pool` is how a picture's cells show many tokens at once: by `max` or `mean`.
    """

    precision: int = 4
    palette: str | None = None
    full: bool = False
    numbers: bool = False
    color_scale: str = "linear"
    exact: bool = False
    pool: str = "max"
