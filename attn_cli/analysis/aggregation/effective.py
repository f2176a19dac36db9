"""Effective attention (Brunner et al. 2020): weights without the part that cannot reach the output."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined, is_causal
from attn_cli.errors import SelectionError
from attn_cli.trace.files.narrow import held_in
from attn_cli.trace.trace import Array, Layer


def effective(chosen: Chosen) -> Combined:
    """A · U Uᵀ, U being the left singular vectors of T = V · W_O up to T's rank; the mean over heads and layers."""
    total = np.zeros(next(chosen.weights()).shape[1:])
    ranks: dict[str, list[int]] = {}
    remarks: list[str] = []
    causal = True
    for layer, heads, weights, values in zip(
        chosen.layers, chosen.heads, chosen.weights(), chosen.values(), strict=True
    ):
        output_matrix = chosen.writes(layer)
        if output_matrix is None:
            remarks.append("T = V instead of V · W_O, which a trace does not contain: the same if W_O has full rank")
        written = values if output_matrix is None else output_matrix.written(values, heads)
        causal = causal and is_causal(weights)
        ranks[layer.name] = []
        for row, basis in zip(weights, _bases(written, layer), strict=True):
            total += (row @ basis) @ basis.T
            ranks[layer.name].append(basis.shape[1])
    keys = total.shape[1]
    every = [rank for of_layer in ranks.values() for rank in of_layer]
    remarks.append(_ranked(min(every), max(every), keys))
    if causal:
        remarks.append("effective attention ignores the mask and may weight keys that a query cannot see")
    return Combined(total / len(every), tuple(dict.fromkeys(remarks)), {"rank": ranks, "keys": keys})


def _bases(written: Array, layer: Layer) -> Iterator[Array]:
    """An orthonormal basis (key, rank) of the columns of each head's T (head, key, feature)."""
    smallest = float(np.finfo(held_in(layer.settings.dtype)).eps)
    if not np.isfinite(written).all():
        raise SelectionError(
            f"V · W_O of {layer.name} holds NaN or infinite numbers, so it has no rank",
            hint="attn check says more; --aggregate mean reads weights alone",
        )
    for matrix in written:
        largest = np.abs(matrix).max(initial=0) or 1.0  # the SVD of very large numbers would overflow
        left, sizes, _ = np.linalg.svd(matrix / largest, full_matrices=False)
        kept = sizes > sizes.max(initial=0) * max(matrix.shape) * smallest
        yield left[:, kept]


def _ranked(low: int, high: int, keys: int) -> str:
    rank = f"rank of T {low}" if low == high else f"ranks of T {low} to {high}"
    if low == keys:
        return f"{rank}, n = {keys}: nothing is removed, because other weights would give another output"
    return f"{rank}, n = {keys}: where the rank is below n, other weights would give the same output"
