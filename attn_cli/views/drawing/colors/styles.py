"""Styles for levels, one set for each color system, because a Rich Style keeps the codes of its first use.

Rich is imported by the functions that make one, so that a page without color starts faster.
"""

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from attn_cli.views.drawing.colors.palette import DEFAULT, Palette, digits_of, readable_on, xterm

if TYPE_CHECKING:
    from rich.color import Color
    from rich.style import Style

FAINT = "faint"
BOLD = "bold"
SHADES = " ░▒▓"
MANY = ("truecolor", "256")


class CellStyle(NamedTuple):
    """The sign that fills a cell, and its style."""

    sign: str
    style: "Style | None"


@lru_cache(maxsize=64)
def style_of(name: str, color: str | None) -> "Style | None":
    """Faint or bold text in a color system."""
    if color is None:
        return None
    from rich.style import Style

    return Style(dim=True) if name == FAINT else Style(bold=True)


@lru_cache(maxsize=64)
def ink(number: int, color: str, *, bold: bool = False) -> "Style":
    """Text in one of the 16 colors, in a color system."""
    from rich.color import Color
    from rich.style import Style

    return Style(color=Color.from_ansi(number), bold=bold or None)


@lru_cache(maxsize=64)
def grounds(palette: Palette, color: str) -> "tuple[Color, ...]":
    """The color of each level on a screen of 16 million or of 256 colors."""
    from rich.color import Color

    if color == "truecolor":
        return tuple(Color.from_rgb(*level) for level in palette.levels)
    return tuple(map(Color.from_ansi, palette.cube))


@lru_cache(maxsize=256)
def underlined(style: "Style | None", color: str) -> "Style":
    """The style with bold, underlined text, in a color system."""
    from rich.style import Style

    mark = Style(bold=True, underline=True)
    return mark if style is None else style + mark


def number_styles(palette: Palette, color: str | None, background: str, *, digits: bool) -> "tuple[Style, ...]":
    """For each level the style of a number: colored cells, or with `digits` colored digits if the palette has some."""
    inks = digits_of(palette, background)
    return digit_styles(inks, color) if digits and inks is not None else text_styles(palette, color)


@lru_cache(maxsize=64)
def digit_styles(palette: Palette, color: str | None) -> "tuple[Style, ...]":
    """For each level the color of digits on the screen's own background; empty without color."""
    if color is None:
        return ()
    from rich.color import Color
    from rich.style import Style

    if color not in MANY:
        return tuple(Style() if ink == DEFAULT else Style(color=Color.from_ansi(ink)) for ink, _ in palette.ansi)
    return tuple(Style(color=ink) for ink in grounds(palette, color))


@lru_cache(maxsize=64)
def text_styles(palette: Palette, color: str | None) -> "tuple[Style, ...]":
    """For each level a background with readable text on it; empty without color."""
    if color is None:
        return ()
    from rich.color import Color
    from rich.style import Style

    if color not in MANY:
        return tuple(
            Style() if ground == DEFAULT else Style(color=Color.from_ansi(text), bgcolor=Color.from_ansi(ground))
            for ground, text in palette.ansi
        )
    levels = palette.levels if color == "truecolor" else [xterm(number) for number in palette.cube]
    texts = [Color.from_rgb(*readable_on(level)) for level in levels]
    return tuple(Style(color=text, bgcolor=ground) for text, ground in zip(texts, grounds(palette, color), strict=True))


@lru_cache(maxsize=64)
def cell_styles(palette: Palette, color: str | None, shades: str) -> tuple[CellStyle, ...]:
    """The style of a cell for each level: a background, mixed with the next one by shading if there are few colors."""
    if color is None:
        return tuple(CellStyle(sign, None) for sign in shades)
    from rich.color import Color
    from rich.style import Style

    if color in MANY:
        return tuple(CellStyle(" ", Style(bgcolor=ground)) for ground in grounds(palette, color))
    few = [Color.default() if ground == DEFAULT else Color.from_ansi(ground) for ground, _ in palette.ansi]
    mixed = [CellStyle(s, Style(color=b, bgcolor=a)) for a, b in pairwise(few) for s in SHADES[: len(shades)]]
    return (*mixed, CellStyle(" ", Style(bgcolor=few[-1])))


@lru_cache(maxsize=4096)
def half(upper: "Color | None", lower: "Color | None", color: str) -> CellStyle:
    """Two cells, one above the other, in one character; None is a cell without color."""
    from rich.style import Style

    return CellStyle("▄", Style(color=lower)) if upper is None else CellStyle("▀", Style(color=upper, bgcolor=lower))
