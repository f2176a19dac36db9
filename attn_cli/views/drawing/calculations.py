"""Lines of arithmetic: an equation is printed with as many digits as a reader needs to redo it."""

from collections.abc import Callable
from math import inf, isfinite, nan

Say = Callable[[float], str]
Read = Callable[[float], float]
EXTRA = (0, 1, 2, 3, 4, 6, 8, 12)
"""How many more digits an operand may get, so that the printed result comes out."""
NOISE = 1e-12
"""The error of float64 arithmetic, as a share of a result."""
_STRANGE = {"∞": inf, "−∞": -inf, "NaN": nan}


def sayer(precision: int) -> Say:
    """How a number is printed: `precision` digits after the point, or as many in all if it is large or tiny."""

    def say(number: float) -> str:
        if not isfinite(number):
            return {inf: "∞", -inf: "−∞"}.get(number, "NaN")
        rounded = f"{number:.{precision}f}"
        if abs(number) >= 1e6 or (number and not rounded.strip("-0.")):
            return f"{number:.{precision}g}"
        return rounded.removeprefix("-") if not rounded.strip("-0.") else rounded

    return say


def signed(number: float, say: Say) -> str:
    """A number that is added: + 0.5, − 0.5."""
    return f"− {say(-number)}" if number < 0 else f"+ {say(number)}"


def read(text: str) -> float:
    """The number that a reader reads."""
    return _STRANGE[text] if text in _STRANGE else float(text)


def digits(comes_to: Callable[[Read], float], result: float, precision: int) -> int | None:
    """How many digits operands need, so that `comes_to` of the printed ones gives the printed result; None if none do.

    `comes_to` is given what a reader reads for an operand.
    """
    shown = sayer(precision)(result)
    for extra in EXTRA:
        say = sayer(precision + extra)
        if sayer(precision)(_safe(comes_to, say)) == shown:
            return precision + extra
    return None


def calculation(words: Callable[[Say], str], comes_to: Callable[[Read], float], result: float, precision: int) -> str:
    """`words = result`; ≈ in place of = where no printed operands give the printed result.

    A result that lies in the middle between two printed ones, as 0.1831 × 0.5 does, gets the digit that shows it.
    """
    made = _safe(comes_to, sayer(precision))
    if abs(made - result) <= NOISE * abs(result) and sayer(precision)(made) != sayer(precision)(result):
        return f"{words(sayer(precision))} = {sayer(precision + 1)(result)}"
    enough = digits(comes_to, result, precision)
    say = sayer(precision if enough is None else enough)
    return f"{words(say)} {'≈' if enough is None else '='} {sayer(precision)(result)}"


def _safe(comes_to: Callable[[Read], float], say: Say) -> float:
    try:
        return comes_to(lambda number: read(say(number)))
    except OverflowError:
        return inf
    except (ZeroDivisionError, ValueError):
        return nan


def stored_words(calculated: float | None, stored: float | None, *, follows: bool, precision: int) -> str:
    """What is stored, if it reads differently from what was calculated, or does not follow; else nothing."""
    if stored is None or calculated is None:
        return ""
    for extra in EXTRA:
        say = sayer(precision + extra)
        if say(stored) != say(calculated):
            break
        if follows:
            return ""
    return f"stored: {say(stored)}, {'rounded' if follows else 'which does not follow'}"


def noted(line: str, *notes: str) -> str:
    """A line, and in parentheses what is to be said of it."""
    said = "; ".join(note for note in notes if note)
    return f"{line}   ({said})" if said else line
