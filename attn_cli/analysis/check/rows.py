"""Weights by themselves: shares that sum to 1, none below 0, none on what is hidden."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.masks import mistaken, spelled
from attn_cli.core.masks import NoMask
from attn_cli.trace.trace import Array

LEAKS = 1e-6  # a hidden key must weigh exactly 0; what is below this is no leak of a mask that was left out
MASKLIKE = -100.0  # a weight below this is an additive mask


def check_values(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """Weights that no softmax returns: below 0, or above 1."""
    weights, slack = dump.stages["weights"], 2 * dump.relative + dump.absolute("weights")
    for place, matrix in enumerate(weights):
        if place in skip:
            continue
        low, high = float(matrix.min()), float(matrix.max())
        if low < -dump.absolute("weights"):
            count = int((matrix < 0).sum())
            facts: dict[str, Any] = {"numbers": {"smallest": low, "count": count}, "size": -low}
            facts["evidence"] = f"{low:.6g}; {count:,} of {matrix.size:,} are below 0"
            code = "mask-added-after-softmax" if low < MASKLIKE else "negative-weight"
            yield dump.mark(code, "weights", place, _cell(matrix.argmin(), matrix), **facts)
        elif high > 1 + slack:
            facts = {"numbers": {"largest": high}, "size": high, "evidence": f"{high:.6g}"}
            yield dump.mark("weight-above-1", "weights", place, _cell(matrix.argmax(), matrix), **facts)


def check_sums(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """Rows that do not sum to 1, what the sink took counted in; rows that weigh nothing are left to `check_blind`."""
    totals, slack, whole = _totals(dump)
    off = totals > 1 + slack if not whole else (abs(totals - 1) > slack) & (abs(totals) > slack)  # (head, query)
    for place in range(len(totals)):
        if place not in skip and off[place].any():
            yield _sum(dump, place, totals[place], off[place], slack)


def check_blind(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """Rows that weigh nothing although the declared masks leave them keys."""
    totals, slack, whole = _totals(dump)
    if not whole or dump.unseen:
        return
    declared = np.zeros(dump.shape, dtype=bool) if dump.hidden is None else dump.hidden
    for place in range(len(totals)):
        rows = (abs(totals[place]) <= slack) & ~declared[place].all(axis=1)
        if place not in skip and rows.any():
            yield _row_hidden(dump, place, rows, declared[place])


def _totals(dump: Dump) -> tuple[Array, float, bool]:
    """What each row (head, query) sums to, how far that may be off, and whether nothing else may have taken a share."""
    weights, share = dump.stages["weights"], dump.stages.get("sink_weight")
    sums = weights.sum(axis=2)
    sunk = any(stage.name == "weights" and "sink" in stage.formula for stage in dump.layer.stages)
    whole = share is not None or not (sunk or dump.sinks is not None)
    slack = 2 * dump.relative + dump.absolute("weights") * weights.shape[2]
    return (sums if share is None else sums + share), slack, whole


def _row_hidden(dump: Dump, place: int, rows: Array, declared: Array) -> Mark:
    query = int(np.flatnonzero(rows)[0])
    left = int((~declared[query]).sum())
    keys = "1 key" if left == 1 else f"{left:,} keys"
    evidence = f"all weights are 0, and {keys} can be seen" + (f"; {rows.sum():,} such rows" if rows.sum() > 1 else "")
    words = {"mask": f"the mask {spelled(dump.spec.mask)}"}
    numbers = {"visible": left, "rows": int(rows.sum())}
    return dump.mark("row-hidden", "weights", place, (query,), evidence=evidence, numbers=numbers, words=words)


def _sum(dump: Dump, place: int, totals: Array, off: Array, slack: float) -> Mark:
    """The row that is furthest off, and what the sums of the other axes say of the cause."""
    row = int(np.where(off, abs(totals - 1), -1.0).argmax())
    numbers = {"sum": float(totals[row]), "rows": int(off.sum()), "of": len(off)}
    evidence = f"this row sums to {totals[row]:.6g}; {off.sum():,} of {len(off):,} rows are off"
    code = _axis(dump, place, totals, off, slack)
    words = {"whole": "1 with what the sink took" if "sink_weight" in dump.stages else "1"}
    size = float(abs(totals[row] - 1))
    return dump.mark(code, "weights", place, (row,), size=size, evidence=evidence, numbers=numbers, words=words)


def _axis(dump: Dump, place: int, totals: Array, off: Array, slack: float) -> str:
    weights = dump.stages["weights"]
    matrix = weights[place]
    columns = matrix.sum(axis=0)
    if len(matrix) > 1 and (abs(columns[columns > 0] - 1) <= slack * len(matrix)).all() and columns.any():
        return "softmax-over-queries"
    heads = weights.sum(axis=0)
    if len(weights) > 1 and len(weights) == dump.layer.heads and (abs(heads[heads > 0] - 1) <= slack).all():
        return "softmax-over-heads"
    if len(matrix) > 1 and abs(matrix.sum() - 1) <= slack * len(matrix):
        return "softmax-over-all"
    zero = (matrix == 0).any(axis=1) if dump.hidden is None else dump.hidden[place].any(axis=1)
    if (totals <= 1 + slack).all() and (off <= zero).all() and off.sum() > 1 and (~off & ~zero).any():
        return "mask-after-softmax"
    return "rows-not-1"


def check_leaks(dump: Dump, skip: Collection[int]) -> Iterator[Mark]:
    """Weight on keys that a declared mask, or a stored −∞, hides."""
    hidden = dump.hidden
    if "masked" in dump.stored:
        stored = np.isneginf(dump.stages["masked"])
        hidden = stored if hidden is None else hidden | stored
    if hidden is None:
        return
    weights = dump.stages["weights"]
    least = max(LEAKS, dump.absolute("weights"))
    for place in range(len(weights)):
        leaks = hidden[place] & (weights[place] > least)
        if place not in skip and leaks.any():
            yield _leak(dump, place, leaks, hidden[place])


def _leak(dump: Dump, place: int, leaks: Array, hidden: Array) -> Mark:
    matrix = dump.stages["weights"][place]
    cell = _cell(np.where(leaks, matrix, -1.0).argmax(), matrix)
    numbers = {"weight": float(matrix[cell]), "cells": int(leaks.sum()), "hidden": int(hidden.sum())}
    evidence = f"weight {matrix[cell]:.4g} here; {leaks.sum():,} of {hidden.sum():,} hidden cells have weight"
    facts: dict[str, Any] = {"size": float(matrix[cell]), "evidence": evidence, "numbers": numbers}
    code, words = _who(dump, place, leaks)
    return dump.mark(code, "weights", place, cell, words=words, **facts)


def _who(dump: Dump, place: int, leaks: Array) -> tuple[str, Mapping[str, str]]:
    """The mistaken mask that would let through just this, else whose hiding is not heeded."""
    weighed = dump.stages["weights"][place] > 0
    for hiding in mistaken(dump):
        let = ~hiding.hidden[place]
        if hiding.code in ("mask-missing", "mask-undeclared") or (weighed & ~let).any():
            continue
        if dump.hidden is not None and not (let & dump.hidden[place] & ~weighed).any():
            return hiding.code, hiding.words
    mask, arrays = dump.spec.mask, dump.array_hidden
    seen = mask.visible(slice(None), *dump.shape[1:])
    if not isinstance(mask, NoMask) and seen is not None and (leaks & ~seen).any():
        keys = np.arange(leaks.shape[1]) > _own(dump)[:, np.newaxis]
        future = (leaks & keys).any()
        return (
            ("future-attended", {"mask": spelled(mask)})
            if future
            else ("hidden-attended", {"what": f"the mask {spelled(mask)}"})
        )
    return "hidden-attended", {"what": "the masked stage" if arrays is None else "attn_mask"}


def _own(dump: Dump) -> Array:
    """The key on which each query stands."""
    _, queries, keys = dump.shape
    return np.arange(queries) + dump.spec.mask.first_query(queries, keys)


def _cell(flat: Any, matrix: Array) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(int(flat), matrix.shape)))
