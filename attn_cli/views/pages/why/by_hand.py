"""The arithmetic of one cell as a reader with a pocket calculator does it: each line from the printed digits."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from attn_cli.analysis.changes import ScoreChange
from attn_cli.analysis.why import Cell, Key, ProductTerm, QueryKeyProduct
from attn_cli.trace.trace import Array
from attn_cli.views.drawing.calculations import read, sayer

Round = Callable[[float], float]


def by_hand(cell: Cell, precision: int) -> Cell:
    """The cell with every number rounded as it is printed, and each line computed from those above it.

    Steps whose numbers are not known keep what is stored.
    """
    say = sayer(precision)

    def rounded(number: float) -> float:
        return read(say(number))

    match = None if cell.match is None else _match(cell.match, rounded)
    changes, scores = _changes(cell, match, rounded)
    key = replace(cell.key, scores=scores)
    row = replace(cell.row, largest=_largest(cell, scores, rounded))
    if key.exponential is not None and row.largest is not None and row.denominator is not None:
        own = 0.0 if key.hidden else rounded(_exp(rounded(list(scores.values())[-1]) - row.largest))
        key = replace(key, exponential=own)
        keys = tuple(key if rival.index == key.index else _rival(rival, rounded) for rival in row.keys)
        sunk = None if row.sunk is None else rounded(row.sunk)
        total = rounded(sum(rival.exponential or 0.0 for rival in keys if not rival.hidden) + (sunk or 0.0))
        share = rounded(own / total) if total else 0.0
        sound = not cell.mismatches  # else what is stored is another number
        key = replace(key, share=share, weight=share if sound else key.weight, follows=sound)
        keys = tuple(key if rival.index == key.index else rival for rival in keys)
        row = replace(row, keys=keys, denominator=total, sunk=sunk)
    value = None if cell.value is None else _each(cell.value, rounded)
    blend = None if value is None or key.weight is None else _each(key.weight * value, rounded)
    return replace(cell, row=row, key=key, match=match, changes=changes, parts={}, value=value, contribution=blend)


def _exp(score: float) -> float:
    """The exponential, infinite where it is too large: what is computed by hand may pass the stored largest score."""
    try:
        return math.exp(score)
    except OverflowError:
        return math.inf


def _largest(cell: Cell, scores: dict[str, float], rounded: Round) -> float | None:
    """The row's largest score: that of the cell itself where it is the largest, so that its exponential is 1."""
    largest = cell.row.largest
    if largest is None:
        return None
    return list(scores.values())[-1] if list(cell.key.scores.values())[-1] == largest else rounded(largest)


def _match(match: QueryKeyProduct, rounded: Round) -> QueryKeyProduct:
    """The products of printed queries and keys, and their running sum."""
    terms: list[ProductTerm] = []
    total = 0.0
    for term in match.terms:
        q, k = rounded(term.q), rounded(term.k)
        product = rounded(q * k)
        total = rounded(total + product)
        terms.append(replace(term, q=q, k=k, product=product, total=total))
    return replace(match, terms=tuple(terms), score=total, stored=None, unturned=None)


def _changes(
    cell: Cell, match: QueryKeyProduct | None, rounded: Round
) -> tuple[tuple[ScoreChange, ...], dict[str, float]]:
    """The steps on the score, each on the result of the one before it, and the score at each stage."""
    stages = iter(cell.key.scores.items())
    name, first = next(stages, ("", 0.0))
    before = rounded(first) if match is None else match.score
    scores = {name: before} if name else {}
    changes = []
    for change in cell.changes:
        after = _after(change, before)
        after = rounded(change.after if after is None else after)
        made = None if change.calculated is None else after
        changes.append(replace(change, before=before, after=after, calculated=made, follows=True))
        scores[change.stage] = before = after
    return tuple(changes), scores


def _after(change: ScoreChange, before: float) -> float | None:
    """The result of a step on a printed score; None where its numbers are not known."""
    numbers = change.numbers
    divisor = numbers.get("divisor", 1.0)
    if change.stage == "masked":
        return -math.inf if change.after == -math.inf else before
    if change.calculated is None:
        return None
    if "cap" in numbers:
        return numbers["cap"] * math.tanh(before / numbers["cap"]) / divisor
    added = numbers.get("bias", 0.0) - numbers.get("slope", 0.0) * numbers.get("distance", 0.0)
    return (before * numbers.get("factor", 1.0) + added) / divisor


def _rival(key: Key, rounded: Round) -> Key:
    """Another key of the row, its exponential as it is printed."""
    return key if key.exponential is None else replace(key, exponential=rounded(key.exponential))


def _each(values: Array, rounded: Round) -> Array:
    return np.array([rounded(float(value)) for value in values])
