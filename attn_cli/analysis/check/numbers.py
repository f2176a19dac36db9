"""NaN and infinities: where they begin in each head, and why."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.check.computing.computation import Computation
from attn_cli.analysis.check.computing.hiding import hidden
from attn_cli.analysis.check.computing.rounding import LOOSE
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.analysis.check.findings import Mark, marked
from attn_cli.analysis.check.relations import LARGEST_HALF, from_the_start
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

Bad = dict[str, set[int]]
"""The heads of each stage, by place, that hold NaN or infinities which explain nothing else."""


def check_numbers(dump: Dump) -> tuple[list[Mark], Bad, Array]:
    """A mark on the first stage of each head that holds NaN or infinities; the bad heads; rows to leave out.

    Rows (head, query) are left out that see no key and hold NaN: that is a finding of its own.
    """
    marks: list[Mark] = []
    bad: Bad = {}
    begun: set[int] = set()
    where = hidden(dump, dump.recipe.hides)
    blind = np.broadcast_to(where.all(axis=2), dump.shape[:2])
    left_out = np.zeros(dump.shape[:2], dtype=bool)
    named: set[int] = set()
    for stage in (name for name in dump.stored if name in STAGES):
        odd = _odd(dump, stage)
        marks += _early(dump, stage, odd)
        marks += _hidden_cells(dump) if stage == "weights" else ()
        if not odd.any():
            continue
        cells = odd if STAGES[stage].heads else odd[np.newaxis]
        if stage in ("weights", "head_output", "output"):
            nan = np.isnan(dump.stored[stage] if STAGES[stage].heads else dump.stored[stage][np.newaxis])
            unseeing = blind if STAGES[stage].heads else blind.any(axis=0, keepdims=True)
            rows: Array = np.logical_and.reduce(nan, axis=2) & unseeing
            left_out = left_out | rows
            marks += _blind_rows(dump, stage, rows, named)
            cells = cells & ~rows[:, :, np.newaxis]
        sick = np.flatnonzero(cells.reshape(len(cells), -1).any(axis=1)).tolist()
        bad[stage] = set(sick)
        users = {place: _users(dump, stage, place) for place in sick}
        for place in sick:
            if not begun.issuperset(users[place]) and not (begun and stage == "output"):
                marks.append(_mark(dump, stage, place, cells[place], where))
        begun.update(*users.values())
    return marks, bad, left_out


def _odd(dump: Dump, stage: str) -> Array:
    """NaN and infinities (True) that no mask explains: −∞ is a hidden score, and may stand in an early stage.

    Infinities of float16 outputs are compared like numbers.
    """
    array = dump.stored[stage]
    odd = ~np.isfinite(array)
    if stage in ("head_output", "output") and dump.precision[stage].dtype == "float16":
        odd = np.isnan(array)  # a mistake may give numbers that float16 cannot hold: the search looks at them
    below = np.isneginf(array)
    if stage not in CHAIN or not odd.any():
        return odd
    return odd & ~below if stage == "masked" or _hides(dump, below) else odd


def _hides(dump: Dump, below: Array) -> bool:
    """Whether −∞ in a stage before the mask hides, rather than being a number too low for float16."""
    largest = _products(dump)
    if largest is not None:
        return bool((largest[below] <= LARGEST_HALF).all())
    declared = bool((hidden(dump, dump.recipe.hides) | ~below).all())
    return declared or dump.loose.relative < LOOSE["float16"].relative


def _products(dump: Dump) -> Array | None:
    """The size of each product of a query and a key (head, query, key); None where they are not there."""
    start = from_the_start(dump, "scores")
    if start is None or "product" not in start.steps:
        return None
    made = Computation(dump, start.given, dump.tight).stage("scores", dump.recipe)
    return np.asarray(np.nan_to_num(abs(made.value), nan=0.0, posinf=0.0))


def _users(dump: Dump, stage: str, place: int) -> set[int]:
    """The places of the query heads that a matrix of a stage serves."""
    layer, heads = dump.layer, STAGES[stage].heads
    if heads == "query heads":
        return {place}
    every = range(dump.heads)
    if heads is None:
        return set(every)
    return {own for own in every if layer.key_head(layer.head_index[own]) == layer.kv_head_index[place]}


def _early(dump: Dump, stage: str, odd: Array) -> Iterator[Mark]:
    first = next((name for name in CHAIN if name in dump.stored), None)
    if stage != first or stage == "masked":
        return
    below = np.isneginf(dump.stored[stage]) & ~odd
    for place in range(len(below)):
        if below[place].any():
            count = int(below[place].sum())
            yield marked(dump, "masked-early", stage, place, evidence=f"{count:,} cells are −∞", size=count)


def _blind_rows(dump: Dump, stage: str, rows: Array, named: set[int]) -> Iterator[Mark]:
    for place in range(len(rows)):
        if rows[place].any() and place not in named and not (named and stage == "output"):
            named.add(place)
            row = int(np.flatnonzero(rows[place])[0])
            evidence = f"{rows[place].sum():,} rows are NaN throughout, and no mask leaves them a key"
            yield marked(dump, "hidden-row-nan", stage, place, (row,), evidence=evidence, size=float(rows[place].sum()))


def _hidden_cells(dump: Dump) -> Iterator[Mark]:
    if (cells := dump.emptied) is None:
        return
    for place in range(len(cells)):
        if cells[place].any():
            cell = tuple(map(int, np.argwhere(cells[place])[0]))
            evidence = f"{cells[place].sum():,} hidden cells hold NaN, which is taken for 0"
            yield marked(dump, "hidden-cells-nan", "weights", place, cell, evidence=evidence)


def _mark(dump: Dump, stage: str, place: int, odd: Array, where: Array) -> Mark:
    array = dump.stored[stage] if STAGES[stage].heads else dump.stored[stage][np.newaxis]
    cell = tuple(map(int, np.argwhere(odd)[0]))
    nans = int((np.isnan(array[place]) & odd).sum())
    numbers = {"nan": nans, "infinite": int(odd.sum()) - nans, "cells": int(odd.size)}
    evidence = f"{nans:,} NaN and {numbers['infinite']:,} infinite of {odd.size:,} numbers, the first here"
    code, largest = _why(dump, stage, place, odd, where)
    if largest is not None:
        evidence = f"{evidence}; Q · Kᵀ reaches {largest:,.0f}"
    return marked(dump, code, stage, place, cell, evidence=evidence, numbers=numbers, size=float(odd.sum()))


def _why(dump: Dump, stage: str, place: int, odd: Array, where: Array) -> tuple[str, float | None]:
    """The kind of finding, and the largest product of queries and keys where that is the cause."""
    if stage not in (*CHAIN, "weights"):
        return "not-a-number", None
    array, products = dump.stored[stage], _products(dump)
    largest = 0.0 if products is None else float(products[place].max(initial=0.0))
    half = dump.loose.relative >= LOOSE["float16"].relative
    if largest > LARGEST_HALF and half:
        return "float16-overflow", largest
    infinite = bool(np.isinf(array[place][odd]).any())
    if stage != "weights":
        named = dump.layer.settings.dtype == "float16" or dump.precision[stage].dtype == "float16"
        return ("float16-overflow" if infinite and named else "not-a-number"), None
    own = where[place if len(where) > 1 else 0]
    if infinite and (own | ~odd).all():
        return "mask-added-after-softmax", None
    return "not-a-number", None
