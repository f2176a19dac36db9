"""Aggregations that look at what is attended to, not at weights alone: the length of values and of what they write."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made


def value_norm(chosen: Chosen) -> Made:
    """The mean over heads and layers of A_ij · ‖v_j‖."""
    total = sum(
        (weights * np.linalg.norm(values, axis=2)[:, np.newaxis]).sum(axis=0)
        for weights, values in zip(chosen.weights(), chosen.values(), strict=True)
    )
    return Made(np.asarray(total) / sum(map(len, chosen.heads)))


def norm(chosen: Chosen) -> Made:
    """‖Σ_h A_ij f(x_j)‖, the heads of a layer added before the length is taken; the mean over layers."""
    lengths, normed = [], False
    for layer, heads, weights, values in zip(
        chosen.layers, chosen.heads, chosen.weights(), chosen.values(), strict=True
    ):
        writing = chosen.writing(layer)
        normed = normed or writing.normed
        written = values @ writing.matrix[list(heads)]
        # One query at a time, so that query × key × d_out numbers are never held.
        rows = [np.linalg.norm(np.einsum("hk,hkd->kd", row, written), axis=1) for row in weights.swapaxes(0, 1)]
        lengths.append(np.array(rows))
    before = ("lengths before the norm through which this model adds attention to the stream",) if normed else ()
    return Made(np.mean(lengths, axis=0), before)
