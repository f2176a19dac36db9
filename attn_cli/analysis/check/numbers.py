"""NaN and infinities: where they begin in each head, and why."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.precision import RELATIVE
from attn_cli.analysis.check.scores import product
from attn_cli.trace.stages import CHAIN, STAGES
from attn_cli.trace.trace import Array

LARGEST_HALF = 65_504.0  # the largest float16


def odd_cells(dump: Dump, stage: str) -> Array:
    """NaN and infinities (True) that no mask explains: −∞ is a hidden score, and may stand in an early stage."""
    array = dump.stages[stage]
    odd = ~np.isfinite(array)
    if stage not in CHAIN[:-1]:
        return odd
    below = np.isneginf(array)
    return odd & ~below if stage == "masked" or _hides(dump, below) else odd


def _hides(dump: Dump, below: Array) -> bool:
    """Whether −∞ in a stage before the mask hides, rather than being a number too low for float16."""
    if not below.any():
        return False
    made = product(dump)
    if made is not None:
        return bool((abs(made[0][below]) <= LARGEST_HALF).all())
    declared = dump.hidden is not None and bool((dump.hidden | ~below).all())
    return declared or dump.relative < RELATIVE["float16"]


def check_numbers(dump: Dump) -> tuple[list[Mark], dict[str, set[int]]]:
    """A mark on the first stage of each head that holds NaN or infinities, and all bad heads of each stage by place."""
    marks: list[Mark] = []
    bad: dict[str, set[int]] = {}
    begun: set[int] = set()
    for stage in dump.stored:
        odd = odd_cells(dump, stage)
        if (
            stage in CHAIN[:-2]
            and np.isneginf(dump.stages[stage]).any()
            and not np.isneginf(dump.stages[stage])[odd].any()
        ):
            marks += _early(dump, stage)
        if not odd.any():
            continue
        cells = odd if STAGES[stage].heads else odd[np.newaxis]
        sick = np.flatnonzero(cells.reshape(len(cells), -1).any(axis=1)).tolist()
        bad[stage] = set(sick)
        users = {place: _users(dump, stage, place) for place in sick}
        for place in sick:
            if not begun.issuperset(users[place]) and not (begun and stage == "output"):
                marks.append(_mark(dump, stage, place, cells[place]))
        begun.update(*users.values())
        if STAGES[stage].heads == "key heads":
            bad[f"heads of {stage}"] = set().union(*users.values())
    return marks, bad


def _users(dump: Dump, stage: str, place: int) -> set[int]:
    """The places of the query heads that a matrix of a stage serves."""
    layer, heads = dump.layer, STAGES[stage].heads
    if heads == "query heads":
        return {place}
    every = range(len(layer.head_index))
    if heads is None:
        return set(every)
    return {own for own in every if layer.key_head(layer.head_index[own]) == layer.kv_head_index[place]}


def _early(dump: Dump, stage: str) -> Iterator[Mark]:
    if stage != dump.chain()[0]:
        return
    below = np.isneginf(dump.stages[stage])
    for place in range(len(below)):
        if below[place].any():
            count = int(below[place].sum())
            yield dump.mark("masked-early", stage, place, evidence=f"{count:,} cells are −∞", size=count)


def _mark(dump: Dump, stage: str, place: int, odd: Array) -> Mark:
    array = dump.stages[stage] if STAGES[stage].heads else dump.stages[stage][np.newaxis]
    cell = tuple(map(int, np.argwhere(odd)[0]))
    nans = int(np.isnan(array[place]).sum())
    numbers = {"nan": nans, "infinite": int(odd.sum()) - nans, "cells": int(odd.size)}
    evidence = f"{nans:,} NaN and {numbers['infinite']:,} infinite of {odd.size:,} numbers, the first here"
    facts = {"evidence": evidence, "numbers": numbers, "size": float(odd.sum())}
    code, largest = _why(dump, stage, place, odd)
    if largest is not None:
        facts["evidence"] = f"{evidence}; Q · Kᵀ reaches {largest:,.0f}"
    return dump.mark(code, stage, place, cell, **facts)


def _why(dump: Dump, stage: str, place: int, odd: Array) -> tuple[str, float | None]:
    """The kind of finding, and the largest product of queries and keys where that is the cause."""
    array = dump.stages[stage]
    if stage in CHAIN:
        largest = _largest(dump, place)
        if largest > LARGEST_HALF and dump.relative >= RELATIVE["float16"]:
            return "float16-overflow", largest
        infinite = bool(np.isinf(array[place][odd]).any())
        if stage != "weights":
            half = dump.relative == RELATIVE["float16"] or dump.layer.settings.dtype == "float16"
            return ("float16-overflow" if infinite and half else "not-a-number"), None
        hidden = np.isneginf(dump.stages["masked"]) if "masked" in dump.stages else dump.hidden
        if hidden is not None and infinite and (hidden[place] | ~odd).all():
            return "mask-added-after-softmax", None
        if hidden is not None and hidden[place].all(axis=1)[odd.any(axis=1)].all():
            return "hidden-row-nan", None
    return "not-a-number", None


def _largest(dump: Dump, place: int) -> float:
    """The largest product of a query and a key of a head; 0 where it is not known."""
    made = product(dump)
    if made is None:
        return 0.0
    finite = made[0][place][np.isfinite(made[0][place])]
    return float(abs(finite).max(initial=0.0))
