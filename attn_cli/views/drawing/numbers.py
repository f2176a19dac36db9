"""Number formats: one for a whole table, so that decimal points line up."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array

LARGE = 1e6
SAMPLE = 64
_SHORT = re.compile(r" ([-\d.]+e[+-])(\d\d)(?!\d)")
_LEADING = re.compile(r"(^|[ -])0\.")


class Form(NamedTuple):
    """Fixed-point (`f`) or scientific (`e`) with `precision` digits, and the width of the widest number.

    `long`: an exponent has three digits, so all are written with three.
    `bare`: no zero before the point, .40. `cut`: digits were left out, so that a table fits.
    """

    kind: str
    precision: int
    width: int
    long: bool = False
    bare: bool = False
    cut: bool = False

    def write(self, value: float) -> str:
        """One number, as short as the form allows."""
        return next(self.rows(np.array([[value]]), [self.width + 2])).strip()

    def rows(self, values: Array, widths: Sequence[int], mask: str = "−∞") -> Iterator[str]:
        """Each row as one text; column j takes widths[j] > `width` + 1 characters, with a space at both ends.

        `mask` stands for −∞. A number of a bare form may fill the space before it.
        """
        pattern = "".join(f"%{width - 1}.{self.precision}{self.kind} " for width in widths)
        for row in values.tolist():
            yield self._tidy(pattern % tuple(row), mask)

    def _tidy(self, text: str, mask: str) -> str:
        """The text without negative zeros, with −∞ and NaN spelled out; its length does not change."""
        # The pattern ends where a cell ends, so it matches whole numbers only: it is not in -10.0000.
        zero = f"{0:.{self.precision}{self.kind}}"
        text = text.replace(f"-{zero}", f" {zero}")
        if self.long:
            text = _SHORT.sub(r"\g<1>0\g<2>", text)
        if self.bare:
            text = _LEADING.sub(r" \1.", text)
        return text.replace("-inf", f"{mask:>4}").replace("nan", "NaN") if "n" in text else text


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
    ends = [form._tidy(f"{end:.{precision}f}", "−∞").strip() for end in (low, high)]
    return Form("f", precision, max(strange, *map(len, ends)))


def digits_needed(values: Array, most: int) -> int:
    """The fewest digits after the point that print all of these numbers exactly, `most` where none does."""
    finite = values[np.isfinite(values)]
    some = finite[:: max(1, finite.size // SAMPLE)]  # a few show at once that numbers are not short
    return next((digits for digits in range(most) if _are_short(some, digits) and _are_short(finite, digits)), most)


def _are_short(values: Array, digits: int) -> bool:
    """Whether numbers have so few digits, but for what rounding left behind."""
    tolerance = 16 * np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0
    return bool((np.abs(values - np.round(values, digits)) <= tolerance * np.maximum(np.abs(values), 1)).all())


def bare(form: Form, values: Array) -> Form:
    """The form without zeros before the point, where no number is larger than 1."""
    finite = values[np.isfinite(values)]
    if form.kind != "f" or not form.precision or not finite.size or np.abs(finite).max() > 1:
        return form
    return form._replace(width=form.precision + 1 + bool((finite < 0).any()), bare=True)
