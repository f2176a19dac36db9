"""How exact stored numbers are, and numbers that carry the rounding that may have gone into them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from attn_cli.trace.trace import Array

SIGMAS = 6.0
"""A number may lie so many standard errors from where it should be."""


@dataclass(frozen=True)
class Rounding:
    """Standard errors of arithmetic: of every result, `relative` to it; of every term of a product, by `product`.

    `absolute` is the largest error of a stored number, whatever its size.
    """

    relative: float
    product: float
    absolute: float = 0.0


# What rounding each result once leaves; and what several roundings in a row, TF32 products (2⁻¹¹ a term) or another
# order of summing leave at most. Between the two a mistake is named only if it fits within the first.
TIGHT = MappingProxyType(
    {
        "float64": Rounding(2e-14, 2e-14),
        "float32": Rounding(3e-7, 3e-7),
        "float16": Rounding(4e-4, 4e-4),
        "bfloat16": Rounding(1.6e-3, 1.6e-3),
    }
)
LOOSE = MappingProxyType(
    {
        "float64": Rounding(1e-10, 1e-10),
        "float32": Rounding(2e-6, 3e-4),
        "float16": Rounding(1.5e-3, 1.5e-3),
        "bfloat16": Rounding(6e-3, 6e-3),
    }
)
# What is smaller may have been flushed to zero; the square of a smaller float64, by which errors are counted, is zero.
_SMALLEST = MappingProxyType({"float64": 1e-150, "float32": 2e-38, "float16": 1.2e-7, "bfloat16": 1.2e-7})
_ORDER = tuple(TIGHT)

_SAMPLE = 20_000
_FEWEST = 8
# Numbers that fill the mantissa of a narrow dtype came from it; numbers that need far fewer bits were typed by hand.
_BITS = (("bfloat16", 8, 6), ("float16", 11, 9), ("float32", 24, 20))
_PLACES = range(3, 9)
_DIGITS = range(4, 10)


@dataclass(frozen=True)
class Precision:
    """How exact one array is: the narrowest `dtype` its numbers went through; decimals add to `relative`, `absolute`.

    `relative` and `absolute` are the largest errors that rounding to decimals, or underflow, makes.
    """

    dtype: str
    relative: float
    absolute: float


def precisions(arrays: Mapping[str, Array], floor: str | None) -> dict[str, Precision]:
    """The precision of each array of a layer: of its own dtype or `floor`, or the coarser one that its numbers show.

    float32 of a bfloat16 model holds bfloat16 numbers, and `round(x, 4)` leaves four digits; fewer than three are
    taken for three. Small arrays show their dtype only together. Whole numbers, such as weights that are all 0 or 1,
    are as exact as the other arrays.
    """
    together = _seen(np.concatenate([_sample(array) for array in arrays.values()])) if arrays else None
    known = {name: _precision(array, floor or array.dtype.name, together) for name, array in arrays.items()}
    coarsest = max((precision.absolute for precision in known.values()), default=0.0)
    whole = {name for name, array in arrays.items() if _whole(_sample(array))}
    return {name: replace(p, absolute=coarsest) if name in whole else p for name, p in known.items()}


def roundings(precision: Mapping[str, Precision]) -> tuple[Rounding, Rounding]:
    """The tight and the loose rounding of a layer, by the coarsest of its arrays."""
    known = list(precision.values()) or [Precision("float64", 0.0, 0.0)]
    coarsest = max((p.dtype for p in known), key=lambda name: _ORDER.index(name) if name in _ORDER else 0)
    digits, absolute = max(p.relative for p in known), max(p.absolute for p in known)
    tight, loose = (
        replace(r, relative=r.relative + digits / 2, product=r.product + digits / 2, absolute=absolute)
        for r in (TIGHT.get(coarsest, TIGHT["float64"]), LOOSE.get(coarsest, LOOSE["float64"]))
    )
    return tight, loose


def _precision(array: Array, dtype: str, together: str | None) -> Precision:
    shown = together or _seen(array)
    dtype = dtype if dtype in _ORDER else "float64"
    narrowest = max((dtype, shown or dtype), key=_ORDER.index)
    places, digits = _rounded(array)
    absolute = _SMALLEST[narrowest]
    absolute = absolute if places is None else max(absolute, 0.51 * 10.0**-places)
    return Precision(narrowest, 0.0 if digits is None else 10.0 ** (1 - digits), absolute)


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
    """How many digits after the point, else how many digits in all, the numbers were rounded to; None if to none.

    Whole numbers, such as weights that are all 0 or 1, do not show it.
    """
    numbers = _sample(array)
    if _whole(numbers) or array.dtype.kind != "f" or array.dtype.itemsize < 4:
        return None, None
    fine = float(np.finfo(array.dtype).eps)
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
