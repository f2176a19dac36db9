"""Documents: what came in a file, whatever its container, as a trace or as parameters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError, UsageError
from attn_cli.sources.changes import ROTATED, check_can_act, still_valid
from attn_cli.sources.documents.arrays import (
    cut_into_heads,
    head_counts,
    read_extras,
    read_projections,
    read_stages,
)
from attn_cli.sources.documents.catalogue import LATER, MATRICES, Document, check_keys, check_start
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.settings import read_spec
from attn_cli.sources.documents.vectors import filled, look_up, read_table, read_tokens
from attn_cli.sources.request import Request
from attn_cli.sources.tokenizers import tokenize
from attn_cli.trace.files.checker import quoted, to_array
from attn_cli.trace.files.codec import trace_from_json, trace_from_npz, trace_from_safetensors
from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.files.npz import read_npy, read_npz
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.paths import unquoted
from attn_cli.trace.files.table import read_csv_matrix
from attn_cli.trace.files.tensors import read_safetensors
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array, Trace


def read_document(data: bytes, name: str, matrix_stage: str | None = None) -> Trace | Document:
    """A trace, or the keys and values of a document of parameters or arrays; the content decides what it is.

    A bare matrix is the stage `matrix_stage`, weights unless given.
    """
    kind = kind_of(data)
    document: Any = None
    if kind == "npz":
        document = read_npz(data, name)
        if _is_trace(document):
            return trace_from_npz(document, name)
        document = {key: _plain(array) for key, array in document.items()}
    elif kind == "safetensors":
        arrays, metadata = read_safetensors(data, name)
        if "trace" in metadata or _is_trace(arrays):
            return trace_from_safetensors(arrays, metadata, name)
        document = _with_settings(arrays, metadata, name)
    elif kind == "json":
        document = parse_json(data, name)
        if isinstance(document, dict) and {"layers", "format"} & set(document):
            return trace_from_json(document, name)
    elif kind in ("npy", "csv"):
        document = (read_npy if kind == "npy" else read_csv_matrix)(data, name)
    elif kind == "empty":
        raise DocumentError(f"{name}: is empty", hint="attn init -o FILE writes a document to start from")
    else:
        raise DocumentError(
            f"{name}: is neither JSON, NPZ, NPY, CSV nor safetensors",
            hint="attn schema weights says what a document holds",
        )
    if isinstance(document, list | np.ndarray):
        return {matrix_stage or "weights": document}
    if not isinstance(document, dict):
        raise DocumentError(f"{name}: holds {quoted(document)}, not an object", hint="start it with { and name keys")
    if matrix_stage is not None:
        raise UsageError(
            f"--as {matrix_stage} is for a bare matrix", hint=f"leave --as out: {name} names what it holds"
        )
    return {key: value for key, value in document.items() if value is not None}


def from_mapping(document: Mapping[str, Any], name: str) -> Trace | Document:
    """A trace or a document from keys and values at hand: JSON's values, and NumPy arrays by stage or by path."""
    if {"layers", "format"} & set(document):
        return trace_from_json(dict(document), name)
    if _is_trace(document):
        return trace_from_npz({key: np.asarray(value) for key, value in document.items()}, name)
    plain = {key: _plain(value) if isinstance(value, np.ndarray) else value for key, value in document.items()}
    return {key: value for key, value in plain.items() if value is not None}


def read_parameters(request: Request, document: Document, name: str) -> Parameters:
    """Parameters from a document, options before its settings; DocumentError where something is wrong in it."""
    check_keys(document, name)
    check_start(document, name)
    overrides = request.overrides()
    stages = read_stages(document, name, allow_nonfinite=request.allow_nonfinite)
    counts = head_counts(stages, document)
    own = read_spec(document, name, {}, counts)
    given = {
        stage: to_array(document[key], f"{name}: {key}", (2,))
        for key, stage in (("X", "embedded"), ("X_context", "embedded_context"))
        if key in document
    }
    table = read_table(document, name) if "embeddings" in document else None
    if table is None:
        without = request.what_if.without_tokens or None
        request.refuse("the document has no table of tokens", unknown=request.unknown, without_token=without)
    elif stages:
        without = request.what_if.without_tokens or None
        request.refuse(f"the document holds all tokens' {next(iter(stages))}", without_token=without)
    tokens, context = _labels(request, document, name, given | stages)
    tokens = request.kept(tokens)
    if table is not None:
        seed = request.seed or 0
        looked_up = context if context is not None and "X_context" not in document else ()
        table = filled(table, (*tokens, *looked_up), name, unknown=request.unknown, seed=seed)
        given["embedded"] = look_up(table, tokens)
        if looked_up:
            given["embedded_context"] = look_up(table, looked_up)
    elif request.context is not None and not {"X_context", *LATER} & set(document):
        request.refuse("the document has X, not a table of tokens", context=request.context)
    given |= stages
    check_can_act(overrides, given, MATRICES.keys() & document.keys(), own)
    if cut_into_heads(document):
        request.refuse("the matrices are cut into heads already", heads=request.heads, kv_heads=request.kv_heads)
    spec = read_spec(document, name, overrides, counts)
    projections = read_projections(document, name, spec)
    extras = read_extras(document, name)
    changed: tuple[str, ...] = ()
    if "positions" in overrides and extras.rotary_frequencies is not None:
        # They belong to the document's own scheme.
        extras, changed = replace(extras, rotary_frequencies=None), ROTATED
    given = still_valid(given, projections.given(), own, spec, changed=changed)
    return Parameters(tokens, given, projections, spec, extras, context, table)


def _labels(
    request: Request, document: Document, name: str, arrays: Mapping[str, Array]
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The tokens, and those of the context in cross-attention; where there are none, positions label the rows."""
    tokens = read_tokens(document, name)
    context = read_tokens(document, name, "context_tokens")
    if request.text is not None:
        tokens = tokenize(request.text, request.tokenizer or "word")
    if request.context is not None:
        context = tokenize(request.context, request.tokenizer or "word")
    cross = context is not None or "X_context" in document
    if tokens is None and "embeddings" in document:
        raise DocumentError(f"{name}: has no tokens, and there is no TEXT", hint=f'attn explain -w {name} "some words"')
    queries, keys = _sizes(arrays, cross)
    if tokens is None:
        tokens = tuple(map(str, range(queries if cross else max(queries, keys))))
    if cross and context is None:
        context = tuple(map(str, range(keys)))
    return tokens, context


def _sizes(arrays: Mapping[str, Array], cross: bool) -> tuple[int, int]:
    """How many queries and keys the arrays show; 0 where they show none."""
    sizes = {"query": 0, "key": 0}
    for name, array in arrays.items():
        if name == "embedded_context":
            sizes["key"] = len(array)
            continue
        kind = STAGES[name]
        axes = [axis for axis in (kind.heads, kind.rows, kind.columns) if axis is not None]
        if len(axes) == array.ndim:
            sizes |= {axis: size for axis, size in zip(axes, array.shape, strict=True) if axis in sizes}
    return sizes["query"], sizes["key"] if cross or sizes["key"] else sizes["query"]


def _is_trace(arrays: Mapping[str, Any]) -> bool:
    """Whether these names hold a trace: one that attn described, or arrays by path."""
    return "trace" in arrays or any("layers." in key for key in arrays)


def _with_settings(arrays: Mapping[str, Array], metadata: Mapping[str, str], name: str) -> dict[str, Any]:
    """The arrays of a safetensors file with the settings in its metadata."""
    # Libraries write their own name as `format` into the metadata of every file.
    settings = {key: unquoted(text, key) for key, text in metadata.items() if key != "format"}
    if both := settings.keys() & arrays.keys():
        raise DocumentError(f"{name}: {min(both)!r} stands in the metadata too", hint="keep one of them")
    return settings | dict(arrays)


def _plain(array: Array) -> Any:
    """A setting or a list of strings from NPZ as JSON would hold it; other arrays as they are."""
    return array.tolist() if array.dtype.kind == "U" or array.ndim == 0 else array
