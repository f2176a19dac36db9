"""Pooling: blocks of cells drawn as one, so that a matrix larger than the screen fits."""

import numpy as np

from attn_cli.trace.trace import Array

POOLS = ("max", "mean")
"""How a cell stands for a block: its largest number (of signed ones the farthest from 0), or its mean."""


def pooled(values: Array, rows: int, columns: int, by: str = "max") -> Array:
    """Each block of rows × columns cells as one cell, without masked ones (−∞); NaN stays NaN."""
    if rows == columns == 1:
        return values
    return _means(values, rows, columns) if by == "mean" else _largest(values, rows, columns)


def _largest(values: Array, rows: int, columns: int) -> Array:
    """The number of each block that is farthest from 0."""
    blocks = (np.arange(0, size, step) for size, step in zip(values.shape, (rows, columns), strict=True))
    down, across = blocks
    with np.errstate(invalid="ignore"):
        high = np.maximum.reduceat(np.maximum.reduceat(values, down, axis=0), across, axis=1)
        if not (values < 0).any():
            return np.asarray(high, dtype=np.float64)
        shown = np.where(np.isneginf(values), np.inf, values)
        low = np.minimum.reduceat(np.minimum.reduceat(shown, down, axis=0), across, axis=1)
        return np.asarray(np.where((low < 0) & (-low > high) & np.isfinite(low), low, high), dtype=np.float64)


def _means(values: Array, rows: int, columns: int) -> Array:
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


def pooling_note(cuts: set[tuple[int, int]], by: str) -> str:
    """A sentence about the blocks of tokens that cells stand for; empty if no cell stands for more than one."""
    sizes = " or ".join(f"{down} × {across}" for down, across in sorted(cuts - {(1, 1)}))
    if not sizes:
        return ""
    shown = "largest weight of" if by == "max" else "mean of"
    return f"Each cell shows the {shown} {sizes} tokens; --full shows every token"
