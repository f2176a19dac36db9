"""Numbers in the dtype that a layer names, to the same bits that were written."""

import numpy as np

from attn_cli.trace.trace import Array

DTYPES = ("float16", "bfloat16", "float32", "float64")
"""The dtypes a layer may name, narrowest first; bfloat16 is held in float32."""


def held_in(dtype: str) -> str:
    """NumPy's dtype for the numbers of a layer's dtype."""
    return "float32" if dtype == "bfloat16" else dtype


def widest(dtypes: set[str]) -> str:
    """The narrowest dtype that holds all of these exactly; float64 for none."""
    if {"float16", "bfloat16"} <= dtypes:
        dtypes = dtypes | {"float32"}
    return max(dtypes, key=DTYPES.index, default="float64")


def narrow(decimals: Array, dtype: str) -> Array:
    """The float64 readings of decimals as the numbers of `dtype` whose shortest decimals they are."""
    with np.errstate(over="ignore"):
        near = decimals.astype(held_in(dtype))
    if near.dtype != np.float32:
        return near
    # A decimal read as float64 may fall exactly between two float32 numbers (7.038531e-26 does): of the two, the one
    # that was written is the one whose own decimal reads as that float64.
    with np.errstate(all="ignore"):
        other = np.nextafter(near, np.where(decimals > near, np.float32(np.inf), np.float32(-np.inf)))
        halfway = (near.astype(np.float64) + other) / 2 == decimals
    for place in map(tuple, np.argwhere(halfway & (decimals != near))):
        if float(str(other[place])) == decimals[place]:
            near[place] = other[place]
    return near
