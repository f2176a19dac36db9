"""Color scales: weights become colors by size, by logarithm, relative to their row, or by rank."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array

DECADES = 4


class ColorScale(NamedTuple):
    """A function from the matrices of a picture to the values to paint, and the meaning of colors in words.

    `number` converts a painted value to the number that the color bar shows. With `from_lowest` colors begin at the
    lowest painted value, else at 0.
    """

    meaning: str
    painted: Callable[[Sequence[Array]], list[Array]]
    number: Callable[[float], float] = float
    from_lowest: bool = False


def as_they_are(shares: Sequence[Array]) -> list[Array]:
    return list(shares)


def by_logarithm(shares: Sequence[Array]) -> list[Array]:
    """log10, no lower than four decades below the largest of all."""
    largest = max((float(array[np.isfinite(array)].max(initial=0)) for array in shares), default=0.0) or 1.0
    least = largest / 10**DECADES
    return [np.where(np.isneginf(array), array, np.log10(np.maximum(array, least))) for array in shares]


def by_row(shares: Sequence[Array]) -> list[Array]:
    """Each number over the largest of its row; a row of zeros stays."""
    return [array / np.where((top := array.max(axis=1, keepdims=True)) > 0, top, 1) for array in shares]


def by_rank(shares: Sequence[Array]) -> list[Array]:
    """The share of the matrix's other cells that are smaller."""
    return [
        np.where(
            (finite := np.isfinite(array)),
            np.searchsorted(np.sort(array[finite]), array) / max(1, int(finite.sum()) - 1),
            array,
        )
        for array in shares
    ]


COLOR_SCALES: Mapping[str, ColorScale] = MappingProxyType(
    {
        "linear": ColorScale("", as_they_are),
        "log": ColorScale(
            "logarithmic colors; anything below the lowest number is darkest",
            by_logarithm,
            lambda painted: float(10.0**painted),
            True,
        ),
        "row": ColorScale("relative to the largest weight of the row", by_row),
        "rank": ColorScale("color by rank: the share of cells that are smaller, so small weights look large", by_rank),
    }
)
"""Every color scale by the name that `--color-scale` takes."""
