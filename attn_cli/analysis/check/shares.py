"""Weights by themselves: shares that sum to 1, none below 0, none on what is hidden."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from attn_cli.analysis.check.computing.hiding import hidden, seen_by
from attn_cli.analysis.check.deviations.leaving import dropout_words
from attn_cli.analysis.check.deviations.masks import spelled
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark, marked
from attn_cli.core.masks import NoMask
from attn_cli.trace.trace import Array

LEAKS = 1e-6
"""A hidden key must weigh exactly 0; what is below this is no leak of a mask that was left out."""
_MASKLIKE = -100.0
"""A weight below this is an additive mask."""


def check_shares(dump: Dump, place: int) -> Iterator[Mark]:
    """What one head's weights show by themselves: at most one mark, the plainest first."""
    matrix = np.asarray(dump.stored["weights"][place], dtype=np.float64)
    for look in (_values, _dropped, _sums, _leaks, _blind):
        mark = look(dump, place, matrix)
        if mark is not None:
            yield mark
            return


def _slack(dump: Dump) -> float:
    return 12 * dump.loose.relative + dump.absolute("weights") * dump.keys


def _values(dump: Dump, place: int, matrix: Array) -> Mark | None:
    """Weights that no softmax returns: below 0, or above 1."""
    low, high = float(matrix.min()), float(matrix.max())
    if low < -dump.absolute("weights"):
        count = int((matrix < 0).sum())
        logs = high <= 0 and abs(np.exp(matrix).sum(axis=1) - 1).max() < 1e-2
        code = "log-weights" if logs else "mask-added-after-softmax" if low < _MASKLIKE else "negative-weight"
        evidence = f"{low:.6g}; {count:,} of {matrix.size:,} are below 0"
        numbers = {"smallest": low, "count": count}
        return marked(
            dump, code, "weights", place, _cell(matrix.argmin(), matrix), size=-low, evidence=evidence, numbers=numbers
        )
    if high > 1 + _slack(dump) and _dropped(dump, place, matrix) is None and _axis(dump, place, matrix) is None:
        cell = _cell(matrix.argmax(), matrix)
        return marked(
            dump, "weight-above-1", "weights", place, cell, size=high, evidence=f"{high:.6g}", numbers={"largest": high}
        )
    return None


def _dropped(dump: Dump, place: int, matrix: Array) -> Mark | None:
    """Dropout, told from the queries that see one key alone: their weight is 0, or one factor above 1."""
    seen = ~np.broadcast_to(hidden(dump, dump.recipe.hides), dump.shape)
    alone = seen.sum(axis=2) == 1  # (head, query)
    weights = np.asarray(dump.stored["weights"], dtype=np.float64)
    single = np.where(seen & alone[:, :, np.newaxis], weights, 0.0).sum(axis=2)[alone]
    kept = single[single > 0]
    slack = _slack(dump)
    if not kept.size or kept.min() < 1 + max(slack, 1e-3) or kept.max() > 20 or np.ptp(kept) > slack * kept.max():
        return None
    factor = float(np.median(kept))
    row = int(np.flatnonzero(alone[place])[0]) if alone[place].any() else 0
    evidence = f"a query that sees one key weighs it {factor:.6g} or 0: 1/(1 − p) with p = {1 - 1 / factor:.3g}"
    return marked(
        dump, "dropout", "weights", place, (row,), size=factor, evidence=evidence, numbers={"factor": factor},
        words=dropout_words(factor),
    )  # fmt: skip


def _totals(dump: Dump, place: int, matrix: Array) -> tuple[Array, bool]:
    """What each row sums to, and whether nothing else may have taken a share."""
    share = dump.stored.get("sink_weight")
    whole = share is not None or not (dump.recipe.left or dump.recipe.sinks is not None)
    return matrix.sum(axis=1) + (0.0 if share is None else share[place].astype(np.float64)), whole


def _sums(dump: Dump, place: int, matrix: Array) -> Mark | None:
    """Rows that do not sum to 1, what the sink took counted in; rows that weigh nothing are left to `_blind`."""
    totals, whole = _totals(dump, place, matrix)
    slack = _slack(dump)
    off = totals > 1 + slack if not whole else (abs(totals - 1) > slack) & (abs(totals) > slack)
    if not off.any():
        return None
    row = int(np.where(off, abs(totals - 1), -1.0).argmax())
    sunk = whole and off.all() and (totals < 1).all() and len(totals) > 2 and totals[0] == totals.min()
    more = "; in every row some is lost, most in the first: an attention sink or softmax-1 does that" if sunk else ""
    words = {"whole": "1 with what the sink took" if "sink_weight" in dump.stored else "1", "more": more}
    evidence = f"this row sums to {totals[row]:.6g}; {off.sum():,} of {len(off):,} rows are off"
    numbers = {"sum": float(totals[row]), "rows": int(off.sum()), "of": len(off)}
    code = _axis(dump, place, matrix) or _lost(dump, place, matrix, totals, off) or "rows-not-1"
    size = float(abs(totals[row] - 1))
    return marked(dump, code, "weights", place, (row,), size=size, evidence=evidence, numbers=numbers, words=words)


def _axis(dump: Dump, place: int, matrix: Array) -> str | None:
    """The axis along which weights sum to 1, if it is not that of the keys."""
    slack = _slack(dump)
    columns = matrix.sum(axis=0)
    if len(matrix) > 1 and columns.any() and (abs(columns[columns > 0] - 1) <= slack * len(matrix)).all():
        upper = np.tril(matrix, -1)
        square = len(matrix) == matrix.shape[1]
        causal = not isinstance(dump.mask, NoMask)
        # Transposed causal weights stand above the diagonal, those of softmax over queries below it.
        return "weights-transposed" if square and causal and not upper.any() else "softmax-over-queries"
    heads = np.asarray(dump.stored["weights"], dtype=np.float64).sum(axis=0)
    if dump.heads > 1 and dump.whole and (abs(heads[heads > 0] - 1) <= slack).all():
        return "softmax-over-heads"
    if len(matrix) > 1 and abs(matrix.sum() - 1) <= slack * len(matrix):
        return "softmax-over-all"
    return None


def _lost(dump: Dump, place: int, matrix: Array, totals: Array, off: Array) -> str | None:
    """Whether rows lost just what the mask hides, and those where it hides nothing are whole."""
    where = hidden(dump, dump.recipe.hides)[place if dump.hidden is not None and len(dump.hidden) > 1 else 0]
    cut = where.any(axis=1) if dump.masked else (matrix == 0).any(axis=1)
    inside = (totals <= 1 + _slack(dump)).all() and (off <= cut).all()
    return "mask-after-softmax" if inside and off.sum() > 1 and (~off & ~cut).any() else None


def _leaks(dump: Dump, place: int, matrix: Array) -> Mark | None:
    """Weight on keys that a declared mask hides."""
    if not dump.masked:
        return None
    where = hidden(dump, dump.recipe.hides)
    own = where[place if len(where) > 1 else 0]
    leaks = own & (matrix > max(LEAKS, dump.absolute("weights"))) & ~own.all(axis=1, keepdims=True)
    if not leaks.any():
        return None
    cell = _cell(np.where(leaks, matrix, -1.0).argmax(), matrix)
    code, words = _who(dump, leaks)
    evidence = f"weight {matrix[cell]:.4g} here; {leaks.sum():,} of {own.sum():,} hidden cells have weight"
    numbers = {"weight": float(matrix[cell]), "cells": int(leaks.sum()), "hidden": int(own.sum())}
    return marked(
        dump, code, "weights", place, cell, size=float(matrix[cell]), evidence=evidence, numbers=numbers, words=words
    )


def _who(dump: Dump, leaks: Array) -> tuple[str, Mapping[str, str]]:
    """Whose hiding is not heeded."""
    mask = dump.mask
    seen = seen_by(mask, dump.queries, dump.keys)
    if not isinstance(mask, NoMask) and (leaks & ~seen).any():
        first = 0 if mask.from_start else dump.keys - dump.queries
        own = np.arange(dump.queries) + first
        future = (leaks & (np.arange(dump.keys) > own[:, np.newaxis])).any()
        if future:
            return "future-attended", {"mask": spelled(mask)}
        return "hidden-attended", {"what": f"the mask {spelled(mask)}"}
    return "hidden-attended", {"what": "attn_mask"}


def _blind(dump: Dump, place: int, matrix: Array) -> Mark | None:
    """Rows that weigh nothing although the declared masks leave them keys."""
    totals, whole = _totals(dump, place, matrix)
    if not whole or "mask" in dump.unsure:
        return None
    where = hidden(dump, dump.recipe.hides)
    own = where[place if len(where) > 1 else 0]
    rows = (abs(totals) <= _slack(dump)) & ~own.all(axis=1)
    if not rows.any():
        return None
    query = int(np.flatnonzero(rows)[0])
    left = int((~own[query]).sum())
    keys = "1 key" if left == 1 else f"{left:,} keys"
    evidence = f"all weights are 0, and {keys} can be seen" + (f"; {rows.sum():,} such rows" if rows.sum() > 1 else "")
    words: dict[str, Any] = {"mask": f"the mask {spelled(dump.mask)}"}
    numbers = {"visible": left, "rows": int(rows.sum())}
    return marked(dump, "row-hidden", "weights", place, (query,), evidence=evidence, numbers=numbers, words=words)


def _cell(flat: Any, matrix: Array) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(int(flat), matrix.shape)))
