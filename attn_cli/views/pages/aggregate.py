"""The page of --aggregate: one picture of many heads, with its definition, its source and its row sums."""

from collections.abc import Iterator, Sequence

import numpy as np

from attn_cli.analysis.aggregation.aggregates import Aggregate
from attn_cli.analysis.dropping import Dropped, dropped_notes
from attn_cli.analysis.masked import masked_cells
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Array, Trace
from attn_cli.views.page import Block, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.provenance import count, made_with, notes, origin

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
    matrix = _marked(trace, matrix, () if dropped is None else dropped.positions)
    grid = Grid(matrix, rows=result.queries, columns=keys, signed=result.method.signed, mask="·")
    yield Heading(f"{result.name} of {_of(result)}")
    yield Prose("rows look at columns", faint=True)
    if tables:
        yield Numbers((grid,))
    yield Picture((grid,), shares=result.method.rows_sum_to.startswith("1"))
    yield Prose(f"{result.name}: {result.method.definition}")
    yield Prose(f"source: {result.method.citation}")
    whole = "" if dropped is None else " with all keys"
    yield Prose(f"row sums{whole}: {result.method.rows_sum_to}{_sums(result)}")
    for sentence in (*result.remarks, *(dropped_notes([dropped]) if dropped else ())):
        yield Prose(sentence)
    yield Prose(origin(trace), faint=True)
    yield from notes(trace)
    yield from made_with(again)


def _marked(trace: Trace, matrix: Array, dropped: Sequence[int]) -> Array:
    """The matrix with −∞ where every layer masks and nothing is."""
    masks = [masked_cells(layer) for layer in trace.layers]
    if not masks or any(mask is None for mask in masks):
        return matrix
    hidden = np.all([mask.all(axis=0) for mask in masks if mask is not None], axis=0)
    kept = [key for key in range(hidden.shape[1]) if key not in dropped]
    return np.asarray(np.where(hidden[:, kept] & (matrix == 0), -np.inf, matrix))


def _of(result: Aggregate) -> str:
    """The layers and heads in words."""
    first, last, depth = address(result.layers[0]), address(result.layers[-1]), len(result.layers)
    layers = first if depth == 1 else f"{first} … {last}" + (f" ({depth} layers)" if depth > 2 else "")
    number = sum(map(len, result.heads))
    return address(result.layers[0], result.heads[0][0]) if number == 1 else f"{layers}, {count(number, 'head')}"


def _sums(result: Aggregate) -> str:
    """The row sums of this matrix, if they are not what the method promises."""
    sums = result.matrix.sum(axis=1)
    if np.allclose(sums, 1, atol=NEAR):
        return "" if result.method.rows_sum_to.startswith("1") else "; here 1"
    low, high = (f"{end:.3g}" for end in (sums.min(), sums.max()))
    return f"; here {low}" if low == high else f"; here {low} … {high}"
