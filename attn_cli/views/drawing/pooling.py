"""Pooling: blocks of cells drawn as one, so that a matrix larger than the screen fits."""

import numpy as np

from attn_cli.trace.trace import Array


def pooled(values: Array, rows: int, columns: int) -> Array:
    """The mean of each block of rows × columns cells without masked ones (−∞); NaN stays NaN."""
    if rows == columns == 1:
        return values
    starts = np.arange(0, values.shape[1], columns)
    sizes = np.diff(starts, append=values.shape[1])
    means = np.empty((-(-values.shape[0] // rows), len(starts)))
    for row in range(len(means)):
        block = values[row * rows : (row + 1) * rows]
        with np.errstate(invalid="ignore"):
            sums = block.sum(axis=0, dtype=np.float64)
            counts = np.broadcast_to(len(block) * sizes, sizes.shape)
            if not np.isfinite(sums).all():
                hidden = np.isneginf(block)
                sums = np.where(hidden, 0, block).sum(axis=0, dtype=np.float64)
                counts = np.add.reduceat((~hidden).sum(axis=0), starts)
            sums = np.add.reduceat(sums, starts)
            means[row] = np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)
    return means


def blocks_for(shape: tuple[int, int], rows: int, columns: int, *, tall: int = 1) -> tuple[int, int]:
    """The number of rows and columns per cell, so that at most rows × columns cells remain.

    If both are pooled, cells stay square in tokens: a cell that is `tall` times higher than wide covers as many more
    rows.
    """
    down, across = max(1, -(-shape[0] // rows)), max(1, -(-shape[1] // columns))
    if down > 1 and across > 1:
        across = max(across, -(-down // tall))
        down = across * tall
    return down, across
