"""How exact stored numbers are: by their dtype, and by what they were rounded to before they came into it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from attn_cli.trace.trace import Array

# Of the magnitudes that an operation adds up, not of its result. float64 and float32 leave room for another order of
# summing, another exp, and TF32 products (2⁻¹¹ a term); the half types for a few roundings of 2⁻¹¹ and 2⁻⁸ in a row.
RELATIVE = MappingProxyType({"float64": 1e-9, "float32": 1e-4, "float16": 5e-3, "bfloat16": 4e-2})
# What is smaller may have been flushed to zero.
SMALLEST = MappingProxyType({"float64": 1e-300, "float32": 2e-38, "float16": 1.2e-7, "bfloat16": 1.2e-7})

_SAMPLE = 20_000
_FEWEST = 8
# Numbers that fill the mantissa of a narrow dtype came from it; numbers that need far fewer bits were typed by hand.
_BITS = (("bfloat16", 8, 6), ("float16", 11, 9), ("float32", 24, 20))
_PLACES = range(3, 9)
_DIGITS = range(4, 10)


@dataclass(frozen=True)
class Precision:
    """How far a number may lie from what it should be: `relative` to the magnitudes behind it, and `absolute`."""

    relative: float
    absolute: float


def precisions(arrays: Mapping[str, Array], floor: str | None) -> dict[str, Precision]:
    """The precision of each array of a layer: of its own dtype or `floor`, or the coarser one that its numbers show.

    float32 of a bfloat16 model holds bfloat16 numbers, and `round(x, 4)` leaves four digits; fewer than three are
    taken for three. Small arrays show their dtype only together.
    """
    together = _seen(np.concatenate([_sample(array) for array in arrays.values()])) if arrays else None
    return {name: _precision(array, floor or array.dtype.name, together) for name, array in arrays.items()}


def _precision(array: Array, dtype: str, together: str | None) -> Precision:
    shown = together or _seen(array)
    narrowest = max((dtype, shown or dtype), key=lambda name: RELATIVE[name])
    relative, absolute = RELATIVE[narrowest], SMALLEST[narrowest]
    places, digits = _rounded(array)
    absolute = absolute if places is None else max(absolute, 0.51 * 10.0**-places)
    relative = relative if digits is None else max(relative, 10.0 ** (1 - digits))
    return Precision(relative, absolute)


def _sample(array: Array) -> Array:
    flat = np.ravel(array)
    flat = flat[:: max(1, flat.size // _SAMPLE)].astype(np.float64)
    return np.asarray(flat[np.isfinite(flat) & (flat != 0)])


def _seen(array: Array) -> str | None:
    """The narrow dtype that the numbers came from, None where they do not show one."""
    numbers = _sample(array)
    if numbers.size < _FEWEST or _whole(numbers):
        return None
    mantissas = np.frexp(numbers)[0]
    for dtype, bits, fewer in _BITS:
        if _whole(mantissas * 2.0**bits):
            return None if _whole(mantissas * 2.0**fewer) else dtype
    return None


def _rounded(array: Array) -> tuple[int | None, int | None]:
    """How many digits after the point, else how many digits in all, the numbers were rounded to; None if to none."""
    numbers, fine = _sample(array), float(np.finfo(array.dtype).eps)
    if not numbers.size or array.dtype.itemsize < 4:
        return None, None
    most = 0.01 / (fine * abs(numbers).max())  # beyond it, every number of this dtype looks rounded
    for places in _PLACES:
        if 10.0**places <= most and _whole(numbers * 10.0**places, fine):
            return places, None
    if array.dtype != np.float64:
        return None, None
    leading = numbers / 10.0 ** np.floor(np.log10(abs(numbers)))
    return None, next((digits for digits in _DIGITS if _whole(leading * 10.0 ** (digits - 1), fine)), None)


def _whole(numbers: Array, fine: float = 0.0) -> bool:
    """Whether all are whole numbers, but for a rounding of `fine`."""
    return bool((abs(numbers - np.rint(numbers)) <= 4 * fine * abs(numbers)).all())
