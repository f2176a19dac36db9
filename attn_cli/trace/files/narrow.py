"""Convert numbers to a layer's dtype, to the same bits that were written."""

import numpy as np

from attn_cli.trace.trace import Array

DTYPES = ("float16", "bfloat16", "float32", "float64")
"""The dtypes of a layer, narrowest first; bfloat16 numbers are held in float32."""


def held_in(dtype: str) -> str:
    """The NumPy dtype that holds the numbers of a layer's dtype."""
    return "float32" if dtype == "bfloat16" else dtype


def widest(dtypes: set[str]) -> str:
    """The narrowest dtype that holds all of these exactly; float64 if there are none."""
    if {"float16", "bfloat16"} <= dtypes:
        dtypes = dtypes | {"float32"}
    return max(dtypes, key=DTYPES.index, default="float64")


def narrow(decimals: Array, dtype: str) -> Array:
    """The numbers of `dtype` whose shortest decimals were read as these float64 numbers."""
    with np.errstate(over="ignore"):
        nearest = decimals.astype(held_in(dtype))
    if nearest.dtype != np.float32:
        return nearest
    # A decimal read as float64 may lie exactly between two float32 numbers (7.038531e-26 does). Take the one whose
    # shortest decimal reads as that float64.
    with np.errstate(all="ignore"):
        neighbor = np.nextafter(nearest, np.where(decimals > nearest, np.float32(np.inf), np.float32(-np.inf)))
        halfway = (nearest.astype(np.float64) + neighbor) / 2 == decimals
    for index in map(tuple, np.argwhere(halfway & (decimals != nearest))):
        if float(str(neighbor[index])) == decimals[index]:
            nearest[index] = neighbor[index]
    return nearest
