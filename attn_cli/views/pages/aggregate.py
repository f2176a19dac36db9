"""The page of --aggregate: one picture of many heads, with its definition, its source and its row sums."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.aggregation.aggregates import Aggregate
from attn_cli.analysis.dropping import Dropped, dropped_notes
from attn_cli.trace.trace import Trace
from attn_cli.views.page import Block, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.atlas import short
from attn_cli.views.pages.provenance import count, provenance

NEAR = 1e-4


def aggregate_page(
    trace: Trace, result: Aggregate, dropped: Dropped | None = None, *, tables: bool = False, again: str | None = None
) -> Page:
    """The matrix as a picture, with `tables` as numbers too; `dropped` is the matrix without some keys."""
    return tuple(_blocks(trace, result, dropped, tables, again))


def _blocks(
    trace: Trace, result: Aggregate, dropped: Dropped | None, tables: bool, again: str | None
) -> Iterator[Block]:
    matrix, keys = (result.matrix, result.keys) if dropped is None else (dropped.matrix, dropped.keys)
    grid = Grid(matrix, rows=result.queries, columns=keys, signed=result.method.signed)
    yield Heading(f"{result.name} of {_of(result)}")
    yield Prose("rows look at columns", faint=True)
    if tables:
        yield Numbers((grid,))
    yield Picture((grid,))
    yield Prose(f"{result.name}: {result.method.definition}")
    yield Prose(f"source: {result.method.citation}")
    whole = "" if dropped is None else " with all keys"
    yield Prose(f"row sums{whole}: {result.method.rows_sum_to}{_sums(result)}")
    for sentence in (*result.remarks, *(dropped_notes([dropped]) if dropped else ())):
        yield Prose(sentence)
    yield from provenance(trace, again)


def _of(result: Aggregate) -> str:
    """The layers and heads in words."""
    first, last, depth = short(result.layers[0]), short(result.layers[-1]), len(result.layers)
    layers = first if depth == 1 else f"{first} … {last}" + (f" ({depth} layers)" if depth > 2 else "")
    number = sum(map(len, result.heads))
    heads = f"head {result.heads[0][0]}" if number == 1 else count(number, "head")
    return f"{layers}, {heads}"


def _sums(result: Aggregate) -> str:
    """The row sums of this matrix, if they are not what the method promises."""
    sums = result.matrix.sum(axis=1)
    if np.allclose(sums, 1, atol=NEAR):
        return "" if result.method.rows_sum_to.startswith("1") else "; here 1"
    low, high = (f"{end:.3g}" for end in (sums.min(), sums.max()))
    return f"; here {low}" if low == high else f"; here {low} … {high}"
