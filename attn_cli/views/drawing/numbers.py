"""Number formats: one for a whole table, so that decimal points line up."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.trace.trace import Array

LARGE = 1e6
_SHORT = re.compile(r" ([-\d.]+e[+-])(\d\d)(?!\d)")


@dataclass(frozen=True, repr=False)
class Form:
    """Fixed-point (`f`) or scientific (`e`) with `precision` digits, and the width of the widest number.

    `long`: an exponent has three digits, so all are written with three.
    """

    kind: str
    precision: int
    width: int
    long: bool = False

    def write(self, value: float) -> str:
        """One number, as short as the form allows."""
        return next(self.rows(np.array([[value]]), [self.width + 2])).strip()

    def rows(self, values: Array, widths: Sequence[int]) -> Iterator[str]:
        """Each row as one text; column j takes widths[j] > `width` + 1 characters, with a space at both ends."""
        pattern = "".join(f"%{width - 1}.{self.precision}{self.kind} " for width in widths)
        for row in values.tolist():
            yield self._tidy(pattern % tuple(row))

    def _tidy(self, text: str) -> str:
        """The text without negative zeros, with −∞ and NaN spelled out; its length does not change."""
        # The pattern ends where a cell ends, so it matches whole numbers only: it is not in -10.0000.
        zero = f"{0:.{self.precision}{self.kind}}"
        text = text.replace(f"-{zero}", f" {zero}")
        if self.long:
            text = _SHORT.sub(r"\g<1>0\g<2>", text)
        return text.replace("-inf", "  −∞").replace("nan", "NaN") if "n" in text else text


def form_of(values: Array, precision: int) -> Form:
    """The format for all of these numbers: fixed-point, unless some are very large or all are very small."""
    finite = values[np.isfinite(values)]
    strange = 3 if finite.size < values.size else 1
    if not finite.size:
        return Form("f", precision, 3)
    low, high = float(finite.min()), float(finite.max())
    largest = max(-low, high)
    tiny = precision > 0 and 0 < largest < 10.0 ** -min(precision, 3)
    if largest >= LARGE or tiny:
        sizes = np.abs(finite[finite != 0])
        long = float(sizes.max()) >= 1e99 or float(sizes.min()) < 1e-98
        width = (low < 0) + 1 + bool(precision) + precision + 4 + long
        return Form("e", precision, max(strange, width), long)
    form = Form("f", precision, 1)
    ends = [form._tidy(f"{end:.{precision}f}").strip() for end in (low, high)]
    return Form("f", precision, max(strange, *map(len, ends)))
