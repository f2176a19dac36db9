"""Styles for levels of colour, one set for each colour system: a Rich Style keeps the codes it was first drawn with."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rich.color import Color
from rich.style import Style

from attn_cli.views.palette import RGB, Palette, readable_on

FAINT = "faint"
BOLD = "bold"
SHADES = " ░▒▓"


@dataclass(frozen=True)
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
def text_styles(palette: Palette, colour: str | None, count: int = 16) -> tuple[Style, ...]:
    """For each level a background with text that can be read on it; empty without colour."""
    if colour is None:
        return ()
    if colour not in ("truecolor", "256"):
        return tuple(_ansi(text, ground) for ground, text in palette.ansi)
    steps = len(palette.levels) - 1
    grounds = [palette.levels[round(i * steps / (count - 1))] for i in range(count)]
    return tuple(_rgb(readable_on(ground), ground) for ground in grounds)


@lru_cache(maxsize=64)
def inks(palette: Palette, colour: str | None, shades: str) -> tuple[Ink, ...]:
    """For each level what fills a cell: a background, mixed with the next by shading where colours are few."""
    if colour is None:
        return tuple(Ink(sign, None) for sign in shades)
    if colour in ("truecolor", "256"):
        return tuple(Ink(" ", _rgb(None, ground)) for ground in palette.levels)
    grounds = [ground for ground, _ in palette.ansi]
    mixed = [Ink(s, _ansi(b, a)) for a, b in pairwise(grounds) for s in SHADES[: len(shades)]]
    return (*mixed, Ink(" ", _ansi(0, grounds[-1])))


@lru_cache(maxsize=4096)
def half(upper: RGB | None, lower: RGB | None, colour: str) -> Ink:
    """Two cells, one above the other, in one character; None is a cell without colour."""
    if upper is None:
        return Ink("▄", _rgb(lower, None))
    return Ink("▀", _rgb(upper, lower))


def _rgb(text: RGB | None, ground: RGB | None) -> Style:
    return Style(
        color=Color.from_rgb(*text) if text else None,
        bgcolor=Color.from_rgb(*ground) if ground else None,
    )


def _ansi(text: int, ground: int) -> Style:
    return Style(color=Color.from_ansi(text), bgcolor=Color.from_ansi(ground))
