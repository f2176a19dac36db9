"""The page of --aggregate: one picture of many heads, what it is, whose idea it was and what its rows sum to."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.aggregation.aggregates import Aggregate
from attn_cli.analysis.dropping import Dropped, said
from attn_cli.trace.trace import Trace
from attn_cli.views.page import Block, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.atlas import short
from attn_cli.views.pages.provenance import count, provenance

NEAR = 1e-4


def aggregate_page(
    trace: Trace, found: Aggregate, dropped: Dropped | None = None, *, tables: bool = False, again: str | None = None
) -> Page:
    """The matrix as a picture, with `tables` as numbers too; `dropped` is what is left of it without some keys."""
    return tuple(_blocks(trace, found, dropped, tables, again))


def _blocks(
    trace: Trace, found: Aggregate, dropped: Dropped | None, tables: bool, again: str | None
) -> Iterator[Block]:
    matrix, keys = (found.matrix, found.keys) if dropped is None else (dropped.matrix, dropped.keys)
    grid = Grid(matrix, rows=found.queries, columns=keys, signed=found.method.signed)
    yield Heading(f"{found.name} of {_of(found)}")
    yield Prose("rows look at columns", faint=True)
    if tables:
        yield Numbers((grid,))
    yield Picture((grid,))
    yield Prose(f"{found.name}: {found.method.definition}")
    yield Prose(f"source: {found.method.citation}")
    whole = "" if dropped is None else " with all keys"
    yield Prose(f"row sums{whole}: {found.method.rows_sum_to}{_sums(found)}")
    for sentence in (*found.remarks, *(said([dropped]) if dropped else ())):
        yield Prose(sentence)
    yield from provenance(trace, again)


def _of(found: Aggregate) -> str:
    """Which layers and heads."""
    heads = sum(map(len, found.heads))
    named = (
        short(found.layers[0]) if len(found.layers) == 1 else f"{short(found.layers[0])} … {short(found.layers[-1])}"
    )
    one = f", head {found.heads[0][0]}" if heads == 1 else f", {count(heads, 'head')}"
    return f"{named if len(found.layers) <= 2 else f'{named} ({len(found.layers)} layers)'}{one}"


def _sums(found: Aggregate) -> str:
    """What they sum to here, unless that is 1."""
    sums = found.matrix.sum(axis=1)
    if np.allclose(sums, 1, atol=NEAR):
        return "" if found.method.rows_sum_to.startswith("1") else "; here 1"
    low, high = (f"{end:.3g}" for end in (sums.min(), sums.max()))
    return f"; here {low}" if low == high else f"; here {low} … {high}"
