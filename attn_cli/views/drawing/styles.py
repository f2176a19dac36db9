"""Styles for levels of colour, one set for each colour system: a Rich Style keeps the codes it was first drawn with."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rich.color import Color
from rich.style import Style

from attn_cli.views.drawing.palette import Palette, readable_on, xterm

FAINT = "faint"
BOLD = "bold"
SHADES = " ░▒▓"
MANY = ("truecolor", "256")


@dataclass(frozen=True, repr=False)
class Ink:
    """How a cell is drawn: the sign it is filled with, and a style."""

    sign: str
    style: Style | None


@lru_cache(maxsize=64)
def style_of(name: str, colour: str | None) -> Style | None:
    """Faint or bold text in a colour system."""
    if colour is None:
        return None
    return Style(dim=True) if name == FAINT else Style(bold=True)


@lru_cache(maxsize=64)
def grounds(palette: Palette, colour: str) -> tuple[Color, ...]:
    """The colour of each level on a screen of 16 million or of 256 colours."""
    if colour == "truecolor":
        return tuple(Color.from_rgb(*level) for level in palette.levels)
    return tuple(map(Color.from_ansi, palette.cube))


@lru_cache(maxsize=64)
def text_styles(palette: Palette, colour: str | None) -> tuple[Style, ...]:
    """For each level a background with text that can be read on it; empty without colour."""
    if colour is None:
        return ()
    if colour not in MANY:
        return tuple(
            Style(color=Color.from_ansi(text), bgcolor=Color.from_ansi(ground)) for ground, text in palette.ansi
        )
    levels = palette.levels if colour == "truecolor" else [xterm(number) for number in palette.cube]
    texts = [Color.from_rgb(*readable_on(level)) for level in levels]
    return tuple(
        Style(color=text, bgcolor=ground) for text, ground in zip(texts, grounds(palette, colour), strict=True)
    )


@lru_cache(maxsize=64)
def inks(palette: Palette, colour: str | None, shades: str) -> tuple[Ink, ...]:
    """For each level what fills a cell: a background, mixed with the next by shading where colours are few."""
    if colour is None:
        return tuple(Ink(sign, None) for sign in shades)
    if colour in MANY:
        return tuple(Ink(" ", Style(bgcolor=ground)) for ground in grounds(palette, colour))
    few = [Color.from_ansi(ground) for ground, _ in palette.ansi]
    mixed = [Ink(s, Style(color=b, bgcolor=a)) for a, b in pairwise(few) for s in SHADES[: len(shades)]]
    return (*mixed, Ink(" ", Style(bgcolor=few[-1])))


@lru_cache(maxsize=4096)
def half(upper: Color | None, lower: Color | None, colour: str) -> Ink:
    """Two cells, one above the other, in one character; None is a cell without colour."""
    return Ink("▄", Style(color=lower)) if upper is None else Ink("▀", Style(color=upper, bgcolor=lower))
