"""Softmax again, of the last scores that a layer holds."""

from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.following.rows import Rows, step_known
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Softmax:
    """Exponentials (query, key) of scores less their `largest` (query, 1), and what divides them (query, 1).

    `sink` (query, 1) is the part of the divisor that belongs to the sink; None without one.
    """

    exponentials: Array
    largest: Array
    denominator: Array
    sink: Array | None


def softmax_of(rows: Rows) -> Softmax | None:
    """Softmax of the last scores that a layer holds; None where it holds none, or not those that softmax ran on."""
    chain = [name for name in rows.chain if name != "weights"]
    if not chain or ("weights" in rows.chain and not step_known(rows, chain[-1], "weights")):
        return None
    scores = rows.of(chain[-1])
    with np.errstate(all="ignore"):
        largest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
        largest = np.where(np.isneginf(largest), 0.0, largest)
        exponentials = np.exp(scores - largest)
        total = exponentials.sum(axis=-1, keepdims=True)
        sink = _sink(rows, total)
    return Softmax(exponentials, largest, total if sink is None else total + sink, sink)


def _sink(rows: Rows, total: Array) -> Array | None:
    """The sink's exponential (query, 1), from its share and what it leaves to the keys; None without a sink."""
    formulas = {stage.name: stage.formula for stage in rows.layer.stages}
    weights = rows.of("weights").sum(axis=-1, keepdims=True) if "weights" in formulas else None
    if "sink_weight" in formulas:
        share = rows.of("sink_weight")[:, np.newaxis]
        # 1 − share has few digits where the sink takes nearly all.
        left = 1 - share if weights is None else np.where(np.abs(weights + share - 1) < 1e-3, weights, 1 - share)
        return np.where((share > 0) & (total > 0), total * share / np.maximum(left, 0.0), 0.0)
    if weights is not None and "sink" in formulas["weights"]:
        return np.maximum(np.where(weights > 0, total / weights - total, 0.0), 0.0)
    return None
