"""Parsers for numbers in options; they refuse what only Python takes for one (1_000, nan, 1e400)."""

import math
import re
from collections.abc import Callable

import typer

MOST = 65_536


def whole(low: int, high: int) -> Callable[[object], int]:
    """A parser for whole numbers from `low` to `high`."""

    def parsed(typed: object) -> int:
        text = str(typed).strip()
        if re.fullmatch(r"-?[0-9]{1,18}", text) and low <= int(text) <= high:
            return int(text)
        raise typer.BadParameter(f"expected a whole number from {low} to {high}, found {text!r}")

    return parsed


def any_whole(typed: object) -> int:
    """Parse a whole number, negative or not."""
    text = str(typed).strip()
    if re.fullmatch(r"-?[0-9]{1,4000}", text):
        return int(text)
    raise typer.BadParameter(f"expected a whole number, found {text!r}")


def distance(typed: object) -> float:
    """Parse a finite number that is not negative."""
    text = str(typed).strip()
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return number
    raise typer.BadParameter(f"expected a number from 0, found {text!r}")
