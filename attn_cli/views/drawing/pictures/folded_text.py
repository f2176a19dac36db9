"""Folding a text: the lines with the strongest tokens, a few around them, and how much stands between."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from attn_cli.views.drawing.pictures.set_text import TextLine
from attn_cli.views.page import Passage

LEAST = 0.01
"""Lines without a token of at least this share are folded, unless all tokens have less."""
SURE = 3
"""So many of the strongest tokens are shown in any case."""


class Row(NamedTuple):
    """A line with its share of the attention, or where `folded` is not 0 the tokens that are folded away."""

    line: TextLine
    share: float
    folded: int = 0
    masked: bool = False


def chosen_rows(block: Passage, lines: Sequence[TextLine], room: int | None) -> list[Row]:
    """All lines where they fit into `room` rows, else those of the strongest tokens, of the query, and around them."""
    kept = set(range(len(lines)))
    if room is not None and len(lines) > room:
        kept = set()
        for line in _wanted(block, lines):
            if _rows(kept | {line}, len(lines)) <= room:
                kept.add(line)
    return list(_folded(block, lines, kept))


def _wanted(block: Passage, lines: Sequence[TextLine]) -> Iterator[int]:
    """Lines, the most wanted first."""
    line_of = {key: number for number, line in enumerate(lines) for key in line.keys}
    shares = np.nan_to_num(block.shares)
    order = np.argsort(-shares, kind="stable").tolist()
    strong = [key for number, key in enumerate(order) if shares[key] >= LEAST or (number < SURE and shares[key] > 0)]
    asks = list(block.queries) if len(block.queries) == 1 else []
    first = list(dict.fromkeys(line_of[key] for key in [*strong[:1], *asks, *strong[1:]]))
    yield from first
    for line in first or [0]:
        yield from (near for near in (line - 1, line + 1) if 0 <= near < len(lines))


def _rows(kept: set[int], count: int) -> int:
    """The rows that these lines and the folds between them take; a fold of one line shows the line."""
    edges = [-1, *sorted(kept), count]
    return len(kept) + sum(after - before > 1 for before, after in pairwise(edges))


def _folded(block: Passage, lines: Sequence[TextLine], kept: set[int]) -> Iterator[Row]:
    hidden: list[int] = []
    for number, line in enumerate(lines):
        alone = {number - 1, number + 1} & set(range(len(lines))) <= kept
        if number not in kept and not alone:
            hidden += line.keys
            continue
        if hidden:
            yield _fold(block, hidden)
            hidden = []
        yield Row(line, float(block.shares[list(line.keys)].sum()))
    if hidden:
        yield _fold(block, hidden)


def _fold(block: Passage, keys: list[int]) -> Row:
    return Row(TextLine((), ()), float(block.shares[keys].sum()), len(keys), bool(block.masked[keys].all()))
