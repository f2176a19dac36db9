"""Documents: what a file of parameters may hold, and what its keys mean; every container comes to the same names."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.core.attention import Projections
from attn_cli.core.spec import Spec, parse_dtype, parse_mask, parse_positions, parse_scale
from attn_cli.errors import DocumentError, SpecError
from attn_cli.trace.archives import kind_of, read_npz, read_safetensors
from attn_cli.trace.checker import to_array
from attn_cli.trace.codec import trace_from_json, trace_from_npz, trace_from_safetensors
from attn_cli.trace.parsing import parse_json
from attn_cli.trace.trace import Array, Trace

MATRICES = MappingProxyType(
    {
        "W_Q": "d_model × (heads · d_k), or heads × d_model × d_k",
        "W_K": "d_model × (kv_heads · d_k), or kv_heads × d_model × d_k",
        "W_V": "d_model × (kv_heads · d_v), or kv_heads × d_model × d_v",
        "W_O": "(heads · d_v) × d_out; without it the heads stand side by side",
    }
)
BIASES = MappingProxyType(
    {"b_Q": "added to X · W_Q", "b_K": "added to X · W_K", "b_V": "added to X · W_V", "b_O": "added to … · W_O"}
)
SETTINGS = MappingProxyType(
    {
        "heads": "how many query heads",
        "kv_heads": "how many key/value heads they share; as many as heads unless set",
        "dtype": "the arithmetic: float64 or float32",
        "mask": "who may look where, such as causal",
        "positions": "how a token's place enters",
        "scale": "sqrt (1/√d_k), none, or a number",
        "softcap": "null: none",
        "projections": "linear: matrices are stored out × in, as PyTorch's Linear does",
    }
)
INPUTS = MappingProxyType(
    {
        "tokens": "the text, cut into tokens",
        "embeddings": "token → vector",
        "embedding_tokens": "in NPZ and safetensors: the tokens that the rows of embeddings belong to",
        "X": "tokens × d_model, in the order of tokens, instead of embeddings",
    }
)
IGNORED = ("$schema", "comment")
KEYS = (*INPUTS, *MATRICES, *BIASES, *SETTINGS, *IGNORED)

Document = dict[str, Any]


def read_document(data: bytes, name: str) -> Trace | Document:
    """A trace, or the keys and values of a parameters document; the content decides what it is."""
    kind = kind_of(data)
    if kind == "npz":
        arrays = read_npz(data, name)
        if "trace" in arrays or any(key.startswith("layers.") for key in arrays):
            return trace_from_npz(arrays, name)
        return {key: _plain(array) for key, array in arrays.items()}
    if kind == "safetensors":
        arrays, metadata = read_safetensors(data, name)
        if "trace" in metadata or any(key.startswith("layers.") for key in arrays):
            return trace_from_safetensors(arrays, metadata, name)
        return {key: _unquoted(text) for key, text in metadata.items()} | arrays
    if kind == "json":
        document = parse_json(data, name)
        if not isinstance(document, dict):
            raise DocumentError(
                f"{name}: holds {_found(document)}, not an object", hint="start it with { and name keys"
            )
        if "layers" in document or document.get("format") == "attn.trace":
            return trace_from_json(document, name)
        return document
    raise DocumentError(
        f"{name}: is neither JSON, NPZ nor safetensors", hint="attn schema weights says what a document holds"
    )


def check_keys(document: Document, name: str) -> None:
    """Refuse what is not understood, and say what is missing."""
    for key in document:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            raise DocumentError(
                f"{name}: unknown key {key!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(KEYS)}",
            )
    if "embeddings" not in document and "X" not in document:
        raise DocumentError(f"{name}: lacks embeddings or X", hint="give each token a vector in embeddings")
    if "embeddings" in document and "X" in document:
        raise DocumentError(f"{name}: has both embeddings and X", hint="keep one of them")
    for key in ("W_Q", "W_K", "W_V"):
        if key not in document:
            near = get_close_matches(key, [k for k in document if k not in MATRICES], n=1)
            raise DocumentError(
                f"{name}: lacks {key}",
                hint=f"did you mean {key} where it says {near[0]!r}?" if near else "embeddings need W_Q, W_K and W_V",
            )


def read_spec(document: Document, name: str, overrides: Mapping[str, Any]) -> Spec:
    """The document's settings, options of the command line before them."""
    settings: dict[str, Any] = {}
    for key, parse in (("mask", parse_mask), ("positions", parse_positions), ("dtype", parse_dtype)):
        if key in document:
            value = document[key]
            if not isinstance(value, str):
                raise DocumentError(f"{name}: {key}: expected a word, found {_found(value)}", hint=SETTINGS[key])
            settings[key] = _within(name, parse, value)
    if "scale" in document:
        if isinstance(document["scale"], bool) or not isinstance(document["scale"], str | int | float):
            raise DocumentError(f"{name}: scale: found {_found(document['scale'])}", hint=SETTINGS["scale"])
        settings["scale"] = _within(name, parse_scale, document["scale"])
    if document.get("softcap") is not None:
        raise DocumentError(f"{name}: softcap is not supported yet", hint="leave softcap out, or set it to null")
    for key in ("heads", "kv_heads"):
        if (count := document.get(key)) is not None:
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise DocumentError(
                    f"{name}: {key}: expected a whole number from 1, found {_found(count)}", hint=SETTINGS[key]
                )
            settings[key] = count
    if "heads" in overrides and "kv_heads" not in overrides and settings.get("kv_heads") == settings.get("heads", 1):
        settings.pop("kv_heads", None)
    spec: Spec = _within(name, lambda given: Spec(**given), settings | dict(overrides))
    return spec


def read_projections(document: Document, name: str, spec: Spec) -> Projections:
    """The matrices as attend() takes them: from the right, heads side by side."""
    linear = document.get("projections")
    if linear not in (None, "linear"):
        raise DocumentError(
            f"{name}: projections: expected 'linear', found {_found(linear)}", hint=SETTINGS["projections"]
        )
    matrices: dict[str, Array] = {}
    for key in MATRICES:
        if document.get(key) is not None:
            matrix = to_array(document[key], f"{name}: {key}", (2, 3) if key != "W_O" else (2,))
            heads = spec.heads if key == "W_Q" else spec.key_heads
            if matrix.ndim == 3:
                if len(matrix) != heads:
                    raise DocumentError(
                        f"{name}: {key}: expected {heads} heads, found {len(matrix)} ({'×'.join(map(str, matrix.shape))})",
                        hint="set heads (and kv_heads) to what the matrices hold",
                    )
                matrix = matrix if linear is None else matrix.swapaxes(1, 2)  # (head, d_model, feature)
                matrix = matrix.swapaxes(0, 1).reshape(matrix.shape[1], -1)
            elif linear:
                matrix = matrix.T
            matrices[key] = np.ascontiguousarray(matrix)
    for key in BIASES:
        if document.get(key) is not None:
            matrices[key] = to_array(document[key], f"{name}: {key}", (1,))
    return Projections(**matrices)


def read_tokens(document: Document, name: str) -> tuple[str, ...] | None:
    """The document's tokens, None where it has none."""
    tokens = document.get("tokens")
    if tokens is None:
        return None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens) or not tokens:
        raise DocumentError(
            f"{name}: tokens: expected a list of strings", hint='such as ["Transformers", "are", "amazing"]'
        )
    return tuple(tokens)


def read_embeddings(document: Document, name: str) -> dict[str, Array]:
    """The table token → vector, all of one width."""
    table = document["embeddings"]
    if isinstance(table, dict):
        names, rows = list(table), list(table.values())
        for token, row in table.items():
            to_array(row, f"{name}: embeddings.{token}", (1,))
    else:
        names, rows = document.get("embedding_tokens"), table
        if not isinstance(names, list):
            raise DocumentError(
                f"{name}: embeddings: expected token → vector", hint="or a matrix with embedding_tokens"
            )
    if not names:
        raise DocumentError(f"{name}: embeddings: is empty", hint="give each token a vector")
    for token, row in zip(names, rows, strict=False):
        if len(row) != len(rows[0]):
            raise DocumentError(
                f"{name}: embeddings.{token}: expected {len(rows[0])} numbers, as for {names[0]!r}, found {len(row)}",
                hint="all vectors need the same width",
            )
    matrix = to_array(rows, f"{name}: embeddings", (2,))
    if len(matrix) != len(names) or len(set(names)) != len(names):
        raise DocumentError(
            f"{name}: embeddings has {len(matrix)} rows for {len(names)} embedding_tokens ({len(set(names))} different)",
            hint="give one row to each token",
        )
    return dict(zip(names, matrix, strict=True))


def look_up(table: Mapping[str, Array], tokens: Sequence[str]) -> tuple[list[Array | None], list[str]]:
    """Each token's vector, exactly or in lower case, None where there is none; and the tokens without one."""
    found = [table.get(token, table.get(token.lower())) for token in tokens]
    missing = [token for token, vector in zip(tokens, found, strict=True) if vector is None]
    return found, list(dict.fromkeys(missing))


def _within(name: str, parse: Any, value: Any) -> Any:
    """A value of a document, parsed; what is wrong with it is said with the document's name."""
    try:
        return parse(value)
    except SpecError as error:
        raise DocumentError(f"{name}: {error.message}", hint=error.hint) from error


def _plain(array: Array) -> Any:
    """A setting or a list of strings from NPZ as JSON would hold it; other arrays as they are."""
    return array.tolist() if array.dtype.kind == "U" or array.ndim == 0 else array


def _unquoted(text: str) -> Any:
    """A setting from safetensors' metadata: JSON, or a bare word."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _found(value: Any) -> str:
    words = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    return words.get(type(value), repr(value)[:40])
