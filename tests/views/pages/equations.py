"""Printed equations, read back and redone: `a = b + c`, products, quotients, exp and tanh."""

import math
import re
from dataclasses import dataclass

NAMED = re.compile(r" \([^()]*\)")
PARTS = re.compile(r"\b(?:content|position|capping|bias) (?=[-−\d])")
NOTE = re.compile(r"   \((.*)\)$")
LABEL = re.compile(r"^  (score|scaled|softcapped|biased|masked|exponential|denominator|weight|by cause)(?: = |: )(.*)$")
STORED = re.compile(r"stored: ([^,]+), (rounded|which does not follow)")
NAMES = {"exp": math.exp, "tanh": math.tanh, "inf": math.inf, "nan": math.nan, "__builtins__": {}}


@dataclass(frozen=True)
class Printed:
    """One line of a page: its label, what is to be calculated, the sign before the result, the result, and a note."""

    label: str
    left: str
    sign: str
    result: str
    note: str

    @property
    def stored(self) -> str | None:
        """The number that the line says is stored in place of the result."""
        match = STORED.search(self.note)
        return match[1] if match else None

    @property
    def follows(self) -> bool:
        return "which does not follow" not in self.note

    def holds(self) -> bool:
        """Whether the printed operands give the printed result, to its last digit; nearly so after ≈."""
        if not self.left:
            return True
        made, shown = number(self.left), number(self.result)
        if math.isnan(shown) or math.isinf(shown):
            return math.isnan(made) if math.isnan(shown) else made == shown
        slack = (
            0.5000001 * unit(self.result)
            if self.sign == "="
            else unit(self.result) + 1e-3 * max(1.0, *sizes(self.left))
        )
        return abs(made - shown) <= slack + 1e-12 * abs(made)


def lines(text: str) -> list[Printed]:
    """The equations of a page that was printed wide enough for each to stand on one line."""
    found = []
    for line in text.split("\n"):
        if not (match := LABEL.match(line)):
            continue
        label, rest = match.groups()
        note = NOTE.search(rest)
        rest = rest[: note.start()] if note else rest
        left, sign, result = re.match(r"^(?:(.*) ([=≈]) )?(\S+)$", rest).groups()  # type: ignore[union-attr]
        found.append(Printed(label, left or "", sign or "", result, note[1] if note else ""))
    return found


def number(text: str) -> float:
    """What a printed calculation comes to; NaN where it has no value."""
    plain = PARTS.sub("", NAMED.sub("", text))
    for sign, spelled in (("−∞", "(-inf)"), ("∞", "inf"), ("NaN", "nan"), ("−", "-"), ("×", "*")):
        plain = plain.replace(sign, spelled)
    try:
        return float(eval(plain, dict(NAMES)))
    except OverflowError:
        return math.inf
    except ZeroDivisionError:
        return math.nan


def unit(text: str) -> float:
    """The unit of the last printed digit."""
    mantissa, _, exponent = text.partition("e")
    return float(10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])))


def sizes(text: str) -> list[float]:
    """The sizes of all numbers in a text."""
    return [abs(float(found)) for found in re.findall(r"\d[\d.]*(?:e[-+]?\d+)?", text)]
