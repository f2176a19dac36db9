"""The ways in which √d goes wrong, each as the factor that it would be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.trace.trace import Array

FREEDOM = 3  # so many numbers more than rows, before a factor that fits means anything


@dataclass(frozen=True)
class Factor:
    """What scores would be multiplied with, and the finding that it would be."""

    code: str
    value: float
    words: Mapping[str, str]


def mistaken_factors(dump: Dump) -> Iterator[Factor]:
    """The factor missing, doubled, or of another width; none where it is not known."""
    right = dump.factor
    if right is None:
        return
    words = scale_words(dump)
    if right != 1:
        yield Factor("scale-missing", 1.0, words)
        yield Factor("scale-doubled", right**2, words | {"found": f"{right**2:.6g}"})
    for whose, width in _widths(dump):
        value = width**-0.5
        if not any(abs(value / other - 1) < 1e-6 for other in (right, right**2, 1.0)):
            yield Factor("scale-wrong-width", value, words | {"width": str(width), "whose": whose})


def scale_words(dump: Dump) -> dict[str, str]:
    right = 1.0 if dump.factor is None else dump.factor
    form = dump.form("Q")
    width = dump.spec.d_k if form is None else dump.stages[form].shape[-1]
    root = f"1/√{width}" if dump.spec.scale == "sqrt" else "the declared scale"
    return {"factor": f"{right:.6g}", "root": root}


def _widths(dump: Dump) -> Iterator[tuple[str, int]]:
    """Widths that are taken for that of a head."""
    stages = dump.stages
    heads, queries, keys = dump.layer.heads, *dump.shape[1:]
    form = dump.form("Q")
    if "X" in stages:
        yield "the model's width", stages["X"].shape[1]
    if form is not None:
        yield "the width of all heads together", heads * stages[form].shape[-1]
    yield "the number of keys", keys
    yield "the number of queries", queries
    yield "the number of heads", heads
    if "V" in stages:
        yield "the width of a value", stages["V"].shape[-1]


def fitted_factor(scores: Array, stage: Array) -> float | None:
    """The one factor by which a stage (…, key) comes from scores, in least squares; None where there is none."""
    top, below = float((scores * stage).sum()), float((scores * scores).sum())
    return top / below if below > 0 and np.isfinite(top / below) else None


def fitted_temperature(scores: Array, weights: Array, least: float) -> float | None:
    """The factor c for which weights (query, key) come nearest to softmax(c · scores); None where nothing tells it."""
    seen = (weights > least) & np.isfinite(scores)
    count = seen.sum(axis=1, keepdims=True)
    if seen.sum() - (count > 0).sum() < FREEDOM:
        return None
    logs = np.log(np.where(seen, weights, 1.0))
    plain = np.where(seen, scores, 0.0)
    count = np.maximum(count, 1)
    spread = [np.where(seen, x - x.sum(axis=1, keepdims=True) / count, 0.0) for x in (plain, logs)]
    return fitted_factor(*spread)
