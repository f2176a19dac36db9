"""Colors for numbers: from a share of a range to a level, and the color of each level.

viridis (CC0) is by Nathaniel Smith and Stéfan van der Walt, cividis (BSD-3-Clause) by Jamie Nuñez, Christopher Anderton
and Ryan Renslow: both as Matplotlib publishes them, 32 of their 256 levels. diverging and gray are our own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array

RGB = tuple[int, int, int]
BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)
DEFAULT = -1
"""The screen's own color, in place of a number of the 16 colors."""


class Palette(NamedTuple):
    """Levels from the lowest to the highest, for screens of 16 million, of 256 and of 16 colors.

    `cube` are numbers of the 256 colors, chosen so that brightness increases from each to the next; the nearest colors
    do not. `ansi` are pairs of the 16 colors: a background, and a text color that is readable on it; DEFAULT is the
    screen's own. `diverging` palettes have 0 in the middle.
    """

    levels: tuple[RGB, ...]
    cube: tuple[int, ...]
    ansi: tuple[tuple[int, int], ...]
    diverging: bool = False


def level_of(shares: Array, count: int) -> Array:
    """The level 0 … count − 1 of each share in [0, 1]; a share outside gets the nearest level."""
    levels: Array = np.clip(shares * count, 0, count - 1).astype(np.intp)
    return levels


def readable_on(background: RGB) -> RGB:
    """Black or white, whichever stands out more from the background."""
    light = luminance(background) + 0.05
    return BLACK if light / 0.05 > 1.05 / light else WHITE


def luminance(color: RGB) -> float:
    """The relative luminance of an sRGB color, as WCAG 2 defines it: 0 for black, 1 for white."""
    red, green, blue = (c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def xterm(number: int) -> RGB:
    """The color of one of the numbers 16 … 255 of the 256 colors."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    return steps[(number - 16) // 36], steps[(number - 16) // 6 % 6], steps[(number - 16) % 6]


def palette_of(name: str | None, *, signed: bool, background: str = "light") -> Palette:
    """The chosen palette, else the default for signed or unsigned numbers; some differ on a dark background."""
    name = name or ("diverging" if signed else "viridis")
    return ON_DARK.get(name, PALETTES[name]) if background == "dark" else PALETTES[name]


def digits_of(palette: Palette, background: str) -> Palette | None:
    """The colors of digits that a diverging palette has; None for other palettes, which color cells."""
    return (DARK_DIGITS if background == "dark" else LIGHT_DIGITS) if palette.diverging else None


def _levels(table: str) -> tuple[RGB, ...]:
    """Colors from a text of RRGGBB."""
    return tuple((c[0], c[1], c[2]) for c in map(bytes.fromhex, table.split()))


def _between(anchors: tuple[RGB, ...], count: int) -> tuple[RGB, ...]:
    """Colors at even distances along the anchors."""
    where = np.linspace(0, len(anchors) - 1, count)
    channels = [np.interp(where, range(len(anchors)), channel) for channel in zip(*anchors, strict=True)]
    return tuple((round(r), round(g), round(b)) for r, g, b in zip(*channels, strict=True))


_VIRIDIS = _levels(
    "440154 460c5f 47186a 482273 462d7c 443781 414186 3d4a89 39548b 355c8c 31648d 2e6c8e 2a758e 277c8e 24848d 228b8d "
    "1f948b 1e9b89 1fa386 24aa82 2eb27c 39b976 47c06e 57c665 6bcd59 7ed24e 92d741 a7db33 bfdf24 d4e11a e9e419 fde724"
)
_CIVIDIS = _levels(
    "00224d 00285b 002d69 043270 1c386e 283e6d 32446c 3b496b 454f6b 4d556c 545a6c 5b606e 63666f 6a6c71 717273 787876 "
    "807e78 878478 8f8a77 979076 a09775 a89e73 b0a470 b8ab6d c2b269 cab964 d3c05f dbc759 e5cf50 eed747 f8de3b fde737"
)
_DIVERGING = _between(_levels("1b4f9c 5e93cf b5d2ea f4f4f4 f6c3a8 dc7454 a81c2e"), 31)
_GRAY = _between(((24, 24, 24), (245, 245, 245)), 32)

_CUBE = (53, 24, 25, 31, 36, 77, 113, 149, 184, 220, 226)
_DIVERGING_ANSI = ((4, 15), (12, 0), (DEFAULT, DEFAULT), (9, 0), (1, 15))

PALETTES: Mapping[str, Palette] = MappingProxyType(
    {
        "viridis": Palette(_VIRIDIS, _CUBE, ((DEFAULT, DEFAULT), (14, 0), (6, 0), (4, 15))),
        "cividis": Palette(
            _CIVIDIS, (17, 18, 60, 102, 144, 186, 221, 227), ((DEFAULT, DEFAULT), (7, 0), (8, 15), (4, 15))
        ),
        "diverging": Palette(
            _DIVERGING,
            (25, 32, 74, 117, 153, 255, 224, 217, 209, 167, 124),
            _DIVERGING_ANSI,
            diverging=True,
        ),
        "gray": Palette(_GRAY, tuple(range(234, 256)), ((0, 15), (8, 15), (7, 0), (15, 0))),
    }
)
"""Every palette by the name that `--palette` takes."""
ON_DARK: Mapping[str, Palette] = MappingProxyType(
    {
        "viridis": Palette(_VIRIDIS, _CUBE, ((DEFAULT, DEFAULT), (4, 15), (6, 0), (11, 0))),
        "cividis": Palette(
            _CIVIDIS, (17, 18, 60, 102, 144, 186, 221, 227), ((DEFAULT, DEFAULT), (4, 15), (7, 0), (11, 0))
        ),
        "diverging": Palette(
            _between(_levels("7db4ff 3f7fd6 1d4273 1e1e1e 6b2a1c c9573a ff9a7a"), 31),
            (111, 68, 25, 24, 17, 234, 52, 88, 130, 167, 209),
            _DIVERGING_ANSI,
            diverging=True,
        ),
    }
)
"""Palettes that look otherwise on a dark background: zero is as dark as the screen."""
DARK_DIGITS = Palette(
    _between(_levels("6cb0ff 7f9fc8 8a8a8a c89a86 ff8f6b"), 31),
    (75, 110, 245, 174, 209),
    ((12, 0), (DEFAULT, DEFAULT), (9, 0)),
    diverging=True,
)
LIGHT_DIGITS = Palette(
    _between(_levels("0b4fb3 4a6a97 757575 98604f b3261e"), 31),
    (25, 60, 243, 131, 124),
    ((4, 15), (DEFAULT, DEFAULT), (1, 15)),
    diverging=True,
)
