"""How numbers are written: one format for a whole table, so that points stand below each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.trace.trace import Array

LARGE = 1e6


@dataclass(frozen=True)
class Form:
    """Fixed-point (`f`) or scientific (`e`) with `precision` digits, and the cells of the widest number."""

    kind: str
    precision: int
    width: int

    def write(self, value: float) -> str:
        """One number, as short as the form allows."""
        return next(self.rows(np.array([[value]]), [self.width + 2])).strip()

    def rows(self, values: Array, widths: Sequence[int]) -> Iterator[str]:
        """Each row as one text; column j takes widths[j] > `width` + 1 characters, a space at both ends among them."""
        pattern = "".join(f"%{width - 1}.{self.precision}{self.kind} " for width in widths)
        for row in values.tolist():
            yield self._tidy(pattern % tuple(row))

    def _tidy(self, text: str) -> str:
        """No negative zero, and names for what is not a number; the length stays."""
        if self.kind == "f":
            # A cell ends after its digits, so that this can only be a whole number: -10.0000 does not hold it.
            zero = f"{0:.{self.precision}f}"
            text = text.replace(f"-{zero}", f" {zero}")
        return text.replace("-inf", "  −∞").replace("nan", "NaN") if "n" in text else text


def form_of(values: Array, precision: int) -> Form:
    """The format for all of these numbers: fixed-point unless they are very large or all very small."""
    finite = values[np.isfinite(values)]
    strange = 3 if finite.size < values.size else 1
    if not finite.size:
        return Form("f", precision, 3)
    low, high = float(finite.min()), float(finite.max())
    largest = max(-low, high)
    tiny = precision > 0 and 0 < largest < 10.0 ** -min(precision, 3)
    if largest >= LARGE or tiny:
        return Form("e", precision, max(strange, precision + _exponent(finite) + (2 if precision else 1) + (low < 0)))
    form = Form("f", precision, 1)
    ends = [form._tidy(f"{end:.{precision}f}").strip() for end in (low, high)]
    return Form("f", precision, max(strange, *map(len, ends)))


def _exponent(finite: Array) -> int:
    """How many characters the widest exponent takes: e-07 or e+100."""
    sizes = np.abs(finite[finite != 0])
    return 5 if sizes.max() >= 1e99 or sizes.min() < 1e-98 else 4
