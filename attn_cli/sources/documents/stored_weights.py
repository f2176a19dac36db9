"""Checks of stored weights: averages over heads, NaN in hidden cells, bits of bfloat16."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import Document
from attn_cli.sources.remarks import ROUNDING
from attn_cli.trace.trace import Array, Layer, Trace, frozen


def hidden_as_zero(weights: Array, hidden: Array | None, *, keep_empty: bool = False) -> tuple[Array, int]:
    """Weights (head, query, key) with 0 for NaN in hidden cells, and the number of those cells.

    `hidden` (query, key) or (head, query, key) is True at hidden cells; without it, NaN in a row whose other cells sum
    to 1 counts as hidden. With `keep_empty` a row of only NaN is unchanged.
    """
    nan = np.isnan(weights)
    if not nan.any() or (hidden is not None and not _fits(hidden, weights.shape)):
        return weights, 0
    empty = nan.all(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        whole = np.abs(np.nansum(weights, axis=-1, keepdims=True) - 1) <= ROUNDING
    read = nan & (whole & ~empty if hidden is None else hidden)
    if keep_empty:
        read = read & ~empty
    return np.where(read, weights.dtype.type(0), weights), int(read.sum())


def empty_as_zero(rows: Array, hidden: Array | None) -> tuple[Array, int]:
    """Outputs (…, query, feature) with 0 for NaN of queries that see no key, and the count of those numbers."""
    if hidden is None or not _fits(hidden[..., :1], (*rows.shape[:-1], 1)):
        return rows, 0
    blind: Array = np.logical_and.reduce(hidden, axis=-1)  # (query,) or (head, query)
    if rows.ndim == 2 < hidden.ndim:  # output, which all heads make
        blind = np.logical_and.reduce(blind, axis=0)
    read = np.isnan(rows) & blind[..., np.newaxis]
    return np.where(read, rows.dtype.type(0), rows), int(read.sum())


def _fits(hidden: Array, shape: tuple[int, ...]) -> bool:
    """Whether a mask fits arrays of this shape; a misfit is reported elsewhere."""
    heads = len(hidden) if hidden.ndim == len(shape) == 3 else 1
    return hidden.shape[-2:] == shape[-2:] and heads in (1, shape[0])


def any_infinite(cells: Any) -> bool:
    """Whether nested lists contain a bare -Infinity."""
    if isinstance(cells, list):
        return any(map(any_infinite, cells))
    return isinstance(cells, float) and cells == -np.inf


def with_hidden_as_zero(trace: Trace) -> Trace:
    """The trace with 0 for NaN in hidden cells of weights, and a note if there were any."""
    counts: list[int] = []

    def settled(layer: Layer) -> Layer:

        if "weights" not in layer or not np.isnan(layer["weights"]).any():
            return layer
        weights, count = hidden_as_zero(layer["weights"], None, keep_empty=True)
        counts.append(count)
        stages = (replace(s, array=frozen(weights)) if s.name == "weights" else s for s in layer.stages)
        return replace(layer, stages=tuple(stages))

    layers = tuple(map(settled, trace.layers))
    return replace(trace, layers=layers, notes=trace.notes + hidden_note("weights", sum(counts)))


def hidden_note(stage: str, count: int) -> tuple[str, ...]:
    """The note on NaN read as 0; empty for a count of 0."""
    numbers = f"{count} number{'s' * (count != 1)}"
    return (f"{stage}: NaN is read as 0 in {numbers} that the mask hides",) if count else ()


def bits_note(document: Document) -> tuple[str, ...]:
    """A note on weights that are whole numbers above 1, such as the bits of bfloat16 numbers."""
    weights: Any = document.get("weights")
    if not isinstance(weights, np.ndarray) or weights.dtype.kind not in "iu" or not weights.size or weights.max() <= 1:
        return ()
    words = f"weights are whole numbers up to {weights.max():,} ({weights.dtype})"
    return (f"{words}, not shares of attention: they may be the bits of bfloat16 numbers",)


def is_average(stages: Mapping[str, Array], heads: int) -> bool:
    """Whether the weights are one matrix although there are several heads."""
    return "weights" in stages and len(stages["weights"]) == 1 < heads


def refuse_average(weights: Array, by_head: Array | None, heads: int, name: str) -> None:
    """Raise DocumentError for weights (1, query, key) of several heads; `by_head` are weights from queries and keys."""
    message = f"{name}: weights is one matrix for {heads} heads, as an average over heads is"
    if by_head is not None and by_head.shape[1:] == weights.shape[1:]:
        distance = float(np.abs(by_head.mean(axis=0) - weights[0]).max())
        message = f"{name}: weights is the average over the {heads} heads, one matrix for all"
        if not distance <= ROUNDING:
            message = f"{name}: weights is one matrix for {heads} heads, and up to {distance:.2g} from their average"
    hint = "store each head's weights (average_attn_weights=False in PyTorch), or leave queries and keys out"
    raise DocumentError(message, hint=hint)
