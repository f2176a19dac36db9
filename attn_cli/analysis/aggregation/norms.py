"""Aggregations that weight attention by the length of the values, before or after W_O."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined


def value_norm(chosen: Chosen) -> Combined:
    """The mean over heads and layers of A_ij · ‖v_j‖."""
    total = sum(
        (weights * np.linalg.norm(values, axis=2)[:, np.newaxis]).sum(axis=0)
        for weights, values in zip(chosen.weights(), chosen.values(), strict=True)
    )
    return Combined(np.asarray(total) / sum(map(len, chosen.heads)))


def norm(chosen: Chosen) -> Combined:
    """‖Σ_h A_ij f(x_j)‖: the heads of a layer are added first, then the length is taken; the mean over layers."""
    lengths = []
    for weights, written in zip(chosen.weights(), chosen.written(), strict=True):
        # One query at a time, so that query × key × d_out numbers are never held at once.
        rows = [np.linalg.norm(np.einsum("hk,hkd->kd", row, written), axis=1) for row in weights.swapaxes(0, 1)]
        lengths.append(np.array(rows))
    normed = any(chosen.output_matrix(layer).normed for layer in chosen.layers)
    remarks = ("lengths before this model's norm of the attention output",) if normed else ()
    return Combined(np.mean(lengths, axis=0), remarks)
