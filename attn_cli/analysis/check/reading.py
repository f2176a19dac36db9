"""A dump from a file, NaN and infinities let in however they are written; what is declared of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.reading import read_document
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Array, Layer, Trace


@dataclass(frozen=True, eq=False)
class Dumped:
    """What a file holds: a trace or parameters; the keys it states; weights that are one matrix for many heads."""

    read: Trace | Parameters
    stated: frozenset[str] = frozenset()
    averaged: Mapping[str, Array] = field(default_factory=dict)


def read_dump(data: bytes, name: str, matrix_stage: str | None = None, max_bytes: int | None = None) -> Dumped:
    """The trace or the parameters that bytes hold, NaN and infinities included; DocumentError if they hold neither."""
    document = read_document(data, name, matrix_stage, max_bytes, as_stored=True)
    if isinstance(document, Trace):
        return Dumped(document)
    return dumped_of(document, Request(weights=name, matrix_stage=matrix_stage, allow_nonfinite=True))


def dumped_of(document: Mapping[str, Any], request: Request) -> Dumped:
    """The parameters that the keys and values of a document hold; DocumentError where something is wrong in it."""
    document, averaged = _without_average(document)
    return Dumped(read_parameters(request, document, request.name), frozenset(document), averaged)


def _without_average(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Array]]:
    """The document without weights that are one matrix although it has several heads; and that matrix."""
    weights, heads = document.get("weights"), _heads(document)
    if weights is None or heads < 2:
        return document, {}
    try:
        matrix = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):  # strings and ragged rows: the reader says where
        return document, {}
    while matrix.ndim > 2 and len(matrix) == 1:
        matrix = matrix[0]
    if matrix.ndim != 2:
        return document, {}
    return {key: value for key, value in document.items() if key != "weights"}, {"layers.0": matrix}


def _heads(document: Mapping[str, Any]) -> int:
    """How many query heads a document has beside its weights: as stated, or as its queries show; 0 if unknown."""
    stated = document.get("heads", 0)
    counts = [stated if isinstance(stated, int) and not isinstance(stated, bool) else 0]
    for name in ("Q", "Q_normed", "Q_rotated", "scores", "scaled", "masked", "head_output", "W_Q"):
        value = document.get(name)
        if value is not None and _depth(value) == 3:
            counts.append(len(value))
    return max(counts)


def _depth(value: Any) -> int:
    """How many axes an array has, or how deep a list is nested."""
    if isinstance(value, np.ndarray):
        return value.ndim
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth


def declared_by(mask: str | None, positions: str | None, scale: str | None, softcap: str | None) -> Mapping[str, Any]:
    """The settings that options declare, parsed; UsageError where one is misspelled."""
    return Request(mask=mask, positions=positions, scale=scale, softcap=softcap).overrides()


def shown(dumped: Dumped, path: str) -> Trace:
    """A trace of what is stored alone, with the file for its source."""
    from attn_cli.analysis.check.layers import dumps

    read = dumped.read
    if isinstance(read, Trace):
        return read
    layers: tuple[Layer, ...] = tuple(dump.layer for dump in dumps(read, {}, (), {}))
    source = {"kind": "document", "path": path}
    return Trace(read.tokens, layers, source, context_tokens=read.context_tokens, notes=read.notes)
