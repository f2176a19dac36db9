"""Read a document from any container, as a trace or as keys and values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.core.masks import MASKS
from attn_cli.core.spec import parse_mask
from attn_cli.core.spelling import spell
from attn_cli.errors import DocumentError, UsageError
from attn_cli.sources.documents.catalogue import Document
from attn_cli.sources.documents.settings import within
from attn_cli.sources.documents.stacks import from_stack
from attn_cli.sources.documents.stored_weights import with_hidden_as_zero
from attn_cli.trace.files.checker import quoted
from attn_cli.trace.files.codec import trace_from_json, trace_from_npz, trace_from_safetensors
from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.files.matrix import Matrix, read_csv
from attn_cli.trace.files.npz import read_npy, read_npz
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.paths import unquoted
from attn_cli.trace.files.tensors import read_safetensors
from attn_cli.trace.trace import Array, Layer, Trace


def read_document(
    data: bytes,
    name: str,
    matrix_stage: str | None = None,
    max_bytes: int | None = None,
    *,
    as_stored: bool = False,
) -> Trace | Document:
    """A trace, or the keys and values of a document of parameters or arrays, depending on the content.

    A bare matrix is the stage `matrix_stage`, by default weights. `max_bytes` limits the unpacked bytes of an NPZ. NaN
    in hidden cells of weights becomes 0, unless `as_stored`.
    """
    settled = _same if as_stored else with_hidden_as_zero
    contents = _contents(data, name, max_bytes)
    if isinstance(contents, Trace):
        source = {"kind": "document", "path": name} if contents.source == {"kind": "arrays"} else contents.source
        return settled(_located(replace(contents, source=source), name))
    if isinstance(contents, Matrix):
        return {matrix_stage or "weights": contents.numbers} | labels_of(contents)
    if isinstance(contents, list | np.ndarray):
        contents = {matrix_stage or "weights": contents}
    elif not isinstance(contents, dict):
        raise DocumentError(f"{name}: holds {quoted(contents)}, not an object", hint="start it with { and name keys")
    elif set(contents) == {"arr_0"}:  # numpy.savez(file, array)
        contents = {matrix_stage or "weights": contents["arr_0"]}
    elif matrix_stage is not None:
        hint = f"leave --as out: {name} names what it holds"
        raise UsageError(f"--as {matrix_stage} is for a bare matrix", hint=hint)
    document = {key: value for key, value in contents.items() if value is not None}
    stack = from_stack(document, name)
    return document if stack is None else settled(_located(stack, name))


def _same(trace: Trace) -> Trace:
    return trace


def _located(trace: Trace, name: str) -> Trace:
    """The trace with queries aligned by each layer's mask, and masks in attn's spelling."""

    def located(layer: Layer) -> Layer:
        mask = within(name, parse_mask, layer.settings.mask)
        settings = replace(layer.settings, mask=spell(mask, MASKS))
        if not mask.from_start:
            return layer if settings == layer.settings else replace(layer, settings=settings)
        layer = replace(layer, settings=settings, from_start=True)
        return layer.labelled(trace.tokens, trace.context_tokens or ())

    return replace(trace, layers=tuple(map(located, trace.layers)))


def _contents(data: bytes, name: str, max_bytes: int | None) -> Any:
    """A trace, a table, or the values of a container."""
    kind = kind_of(data)
    if kind == "npz":
        arrays = read_npz(data, name, max_bytes)
        return trace_from_npz(arrays, name) if _is_trace(arrays) else _values(arrays)
    if kind == "safetensors":
        tensors, metadata = read_safetensors(data, name)
        if "trace" in metadata or _is_trace(tensors):
            return trace_from_safetensors(tensors, metadata, name)
        return _with_settings(tensors, metadata, name)
    if kind == "json":
        value = parse_json(data, name)
        named = isinstance(value, dict) and {"layers", "format"} & set(value)
        return trace_from_json(value, name) if named else value
    if kind in ("npy", "csv"):
        return read_npy(data, name) if kind == "npy" else read_csv(data, name)
    if kind == "empty":
        raise DocumentError(f"{name}: is empty", hint="attn init -o FILE writes a document to start from")
    hint = "attn schema weights says what a document holds"
    raise DocumentError(f"{name}: is neither JSON, NPZ, NPY, CSV nor safetensors", hint=hint)


def is_known(head: bytes) -> bool:
    """Whether a file with these first bytes can be a document."""
    return kind_of(head) != "unknown"


def labels_of(matrix: Matrix) -> dict[str, Any]:
    """The words of a table as tokens: columns are keys; rows are the last of them, or else the tokens of queries."""
    rows, columns = matrix.rows, matrix.columns
    queries, keys = matrix.numbers.shape
    names = columns if columns is not None else rows if queries == keys else None
    if names is not None and queries <= keys and rows in (None, names[keys - queries :]):
        return {"tokens": list(names)}
    sides = {"tokens": rows, "context_tokens": columns}
    return {key: list(words) for key, words in sides.items() if words is not None}


def from_mapping(document: Mapping[str, Any], name: str, *, as_stored: bool = False) -> Trace | Document:
    """A trace or a document from keys and values in memory: JSON values, and NumPy arrays by stage or by path.

    NaN in hidden cells of weights becomes 0, unless `as_stored`.
    """
    settled = _same if as_stored else with_hidden_as_zero
    if {"layers", "format"} & set(document):
        return settled(_located(trace_from_json(dict(document), name), name))
    if _is_trace(document):
        try:
            arrays = {key: np.asarray(value) for key, value in document.items()}
        except ValueError as error:
            raise DocumentError(f"{name}: holds lists with rows of different lengths", hint="give arrays") from error
        return settled(_located(trace_from_npz(arrays, name), name))
    plain = {key: value for key, value in _values(document).items() if value is not None}
    stack = from_stack(plain, name)
    return plain if stack is None else settled(stack)


def _is_trace(arrays: Mapping[str, Any]) -> bool:
    """Whether these arrays are a trace: described by attn, or named by path."""
    return "trace" in arrays or any("layers." in key for key in arrays)


def _with_settings(arrays: Mapping[str, Array], metadata: Mapping[str, str], name: str) -> dict[str, Any]:
    """The arrays of a safetensors file with the settings in its metadata."""
    # Libraries write their name as `format` into the metadata of every file.
    settings = {key: unquoted(text, key) for key, text in metadata.items() if key != "format"}
    if both := settings.keys() & arrays.keys():
        raise DocumentError(f"{name}: {min(both)!r} is in the metadata too", hint="keep one of them")
    return settings | dict(arrays)


def _values(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of an NPZ, with settings and strings as JSON values."""
    return {key: _plain(value) if isinstance(value, np.ndarray) else value for key, value in arrays.items()}


def _plain(array: Array) -> Any:
    """A setting or strings as JSON values, with bytes decoded as UTF-8; any other array unchanged."""
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            return array
    return array.tolist() if array.dtype.kind == "U" or array.ndim == 0 else array
