"""How the reader wants to see a page."""

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Display:
    """How the reader wants it: digits after the point, palette (None: by the data), all cells, numbers in pictures.

    `color_scale` says how shares become colours, a name of COLOR_SCALES.
    """

    precision: int = 4
    palette: str | None = None
    full: bool = False
    numbers: bool = False
    color_scale: str = "linear"
