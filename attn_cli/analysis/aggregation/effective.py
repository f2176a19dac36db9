"""Effective attention (Brunner et al. 2020): weights without the part that cannot reach the output."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made, is_causal
from attn_cli.errors import SelectionError
from attn_cli.trace.files.narrow import held_in
from attn_cli.trace.trace import Array, Layer


def effective(chosen: Chosen) -> Made:
    """A · U Uᵀ, U the left singular vectors of T = V · W_O that T's rank keeps; the mean over heads and layers."""
    total = np.zeros(next(chosen.weights()).shape[1:])
    ranks: dict[str, list[int]] = {}
    remarks: list[str] = []
    causal = True
    for layer, heads, weights, values in zip(
        chosen.layers, chosen.heads, chosen.weights(), chosen.values(), strict=True
    ):
        writing = chosen.writes(layer)
        if writing is None:
            remarks.append("T = V in place of V · W_O, which a trace does not carry: the same where W_O has full rank")
        made = values if writing is None else values @ writing.matrix[list(heads)]
        causal = causal and is_causal(weights)
        ranks[layer.name] = []
        for row, basis in zip(weights, _bases(made, layer), strict=True):
            total += (row @ basis) @ basis.T
            ranks[layer.name].append(basis.shape[1])
    keys = total.shape[1]
    every = [rank for one in ranks.values() for rank in one]
    remarks.append(_ranked(min(every), max(every), keys))
    if causal:
        remarks.append("it knows no mask, and may weigh keys that a query cannot see")
    return Made(total / len(every), tuple(dict.fromkeys(remarks)), {"rank": ranks, "keys": keys})


def _bases(made: Array, layer: Layer) -> Iterator[Array]:
    """An orthonormal basis (key, rank) of the columns of each head's T (head, key, feature)."""
    smallest = float(np.finfo(held_in(layer.settings.dtype)).eps)
    if not np.isfinite(made).all():
        raise SelectionError(
            f"what the values of {layer.name} write is NaN or infinite, and has no rank",
            hint="attn check says more; --aggregate mean looks at weights alone",
        )
    for matrix in made:
        largest = np.abs(matrix).max(initial=0) or 1.0  # very large numbers would overflow in between
        left, sizes, _ = np.linalg.svd(matrix / largest, full_matrices=False)
        kept = sizes > sizes.max(initial=0) * max(matrix.shape) * smallest
        yield left[:, kept]


def _ranked(low: int, high: int, keys: int) -> str:
    rank = f"rank of T {low}" if low == high else f"ranks of T {low} to {high}"
    if low == keys:
        return f"{rank}, n = {keys}: nothing is taken away, other weights would give another output"
    return f"{rank}, n = {keys}: other weights would give the same output wherever the rank is below n"
