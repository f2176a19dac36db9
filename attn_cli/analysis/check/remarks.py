"""What is no fault but worth knowing: heads that choose one key, average all, or rest on one; likely padding."""

from collections.abc import Collection, Iterator
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.check.computing.hiding import hidden
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark, marked
from attn_cli.trace.trace import Array

LIMITS = MappingProxyType(
    {
        "rows": 4,  # so many rows with a choice of keys before anything is said
        "share": 0.95,  # of these rows must be so
        "saturated": 0.999,  # a row's largest weight
        "uniform": 0.9995,  # a row's entropy over the logarithm of the keys it sees
        "one key": 0.95,  # the mean weight on one key
    }
)


def check_remarks(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """Remarks on heads by their place, none in `skip`."""
    weights = dump.stored["weights"].astype(np.float64)
    where = np.isneginf(dump.stored["masked"]) if "masked" in dump.stored else hidden(dump, dump.recipe.hides)
    visible = np.broadcast_to(~where, dump.shape)
    for place in range(len(weights)):
        if place not in skip:
            yield from _head(dump, place, weights[place], visible[place])
    if not skip and visible.all() and not dump.masked:
        yield from _padding(dump, weights)


def _head(dump: Dump, place: int, weights: Array, visible: Array) -> Iterator[Mark]:
    rows = (visible.sum(axis=1) > 1) & (weights.sum(axis=1) > 0)
    count = int(rows.sum())
    if count < LIMITS["rows"]:
        return
    shares, seen = weights[rows], visible[rows]
    means = shares.mean(axis=0)
    key = int(means.argmax())
    largest = shares.max(axis=1)
    spread = -np.where(shares > 0, shares * np.log(shares), 0.0).sum(axis=1) / np.log(seen.sum(axis=1))
    if means[key] >= LIMITS["one key"]:
        evidence = f"{means[key]:.1%} of the attention of {count:,} rows, on the mean"
        words = {"key": f"{dump.layer.key_tokens[key]!r} ({key})"}
        yield marked(dump, "one-key-head", "weights", place, size=float(means[key]), evidence=evidence, words=words)
    elif (many := int((largest >= LIMITS["saturated"]).sum())) >= LIMITS["share"] * count:
        words = {"least": f"{LIMITS['saturated']:g}"}
        evidence = f"{many:,} of {count:,} rows with a choice"
        yield marked(dump, "saturated-head", "weights", place, size=many / count, evidence=evidence, words=words)
    elif (flat := int((spread >= LIMITS["uniform"]).sum())) >= LIMITS["share"] * count:
        evidence = f"{flat:,} of {count:,} rows have {spread.min():.2%} of the largest entropy or more"
        yield marked(dump, "uniform-head", "weights", place, size=float(spread.min()), evidence=evidence)


def _padding(dump: Dump, weights: Array) -> Iterator[Mark]:
    """The last keys, if nobody attends to them although nothing is declared to hide them."""
    attended = np.flatnonzero((weights > 0).any(axis=(0, 1)))
    count = dump.shape[2] - 1 - int(attended[-1]) if attended.size else 0
    if 0 < count < dump.shape[2] - 1 and dump.shape[1] > 1:
        first = dump.layer.key_tokens[dump.shape[2] - count]
        evidence = f"from key {dump.shape[2] - count} ({first!r}) on all weights are 0"
        yield marked(dump, "unattended-keys", "weights", 0, evidence=evidence, words={"count": str(count)})
