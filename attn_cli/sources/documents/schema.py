"""The JSON Schema of a parameters document, made from the reader's tables."""

from typing import Any

from attn_cli.core.spec import DTYPES
from attn_cli.sources.documents.catalogue import BIASES, CONDITIONS, IGNORED, INPUTS, LATER, MATRICES, SETTINGS
from attn_cli.trace.stages import CHAIN, STAGES

_VECTOR = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_HIDDEN = {"enum": [None, "-Infinity"]}
_CELLS = {"type": "array", "items": {"anyOf": [{"type": ["number", "boolean"]}, _HIDDEN]}, "minItems": 1}
_HIDING = {"type": "array", "items": {"anyOf": [{"type": "number"}, _HIDDEN]}, "minItems": 1}
_WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_COUNT = {"type": "integer", "minimum": 1}


def _of(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": inner, "minItems": 1}


_MATRIX = _of(_VECTOR)
_POSITIONS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}

_INPUTS: dict[str, Any] = {
    "tokens": _WORDS,
    "context_tokens": _WORDS,
    "embeddings": {"oneOf": [{"type": "object", "additionalProperties": _VECTOR, "minProperties": 1}, _MATRIX]},
    "embedding_tokens": _WORDS,
    "X": _MATRIX,
    "X_context": _MATRIX,
}
_CONDITIONS: dict[str, Any] = {
    "attn_mask": {"anyOf": [_CELLS, _of(_CELLS), _of(_of(_CELLS))]},
    "sinks": _VECTOR,
    "position_embeddings": _MATRIX,
    "position_ids": _POSITIONS,
    "position_ids_context": _POSITIONS,
    "rotary_frequencies": _VECTOR,
    **{f"{name}_norm{kind}": {"anyOf": [_VECTOR, _MATRIX]} for name in "QK" for kind in ("", "_bias")},
}
_SETTINGS: dict[str, Any] = {
    "heads": _COUNT,
    "kv_heads": _COUNT,
    "d_k": _COUNT,
    "dtype": {"enum": list(DTYPES)},
    "mask": {"type": "string"},
    "positions": {"type": "string"},
    "scale": {"anyOf": [{"type": "number"}, {"enum": ["sqrt", "none"]}]},
    "softcap": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "none"}]},
    "clip": {"type": "number", "exclusiveMinimum": 0},
    "qk_norm": {"type": "string"},
    "query_scaling": {"type": "string"},
    "projections": {"const": "linear"},
}


def weights_schema() -> dict[str, Any]:
    """The schema (JSON Schema draft 2020-12). Only the reader checks that shapes fit together."""
    kinds = _INPUTS | _CONDITIONS | _SETTINGS
    kinds |= {key: {"anyOf": [_MATRIX, _of(_MATRIX)]} for key in MATRICES}
    kinds |= {key: _VECTOR if key == "b_O" else {"anyOf": [_VECTOR, _MATRIX]} for key in BIASES}
    kinds |= {key: _stage(key) for key in LATER}
    words = INPUTS | MATRICES | BIASES | LATER | CONDITIONS | SETTINGS
    nullable = {key: {"anyOf": [kinds[key], {"type": "null"}], "description": words[key]} for key in words}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "attn weights",
        "description": "Where attention starts from, projections and settings of one attention layer.",
        "type": "object",
        "properties": nullable | {key: {} for key in IGNORED},
        "anyOf": [
            {"anyOf": [_there("embeddings"), _there("X")], "allOf": [_either(f"W_{name}", name) for name in "QKV"]},
            {"allOf": [_either(name, f"{name}_normed", f"{name}_rotated") for name in "QK"]},
            *map(_there, CHAIN),
        ],
        "not": _there("embeddings", "X"),
        "additionalProperties": False,
    }


def _there(*keys: str) -> dict[str, Any]:
    """A schema that requires these keys, with values other than null."""
    return {"required": list(keys), "properties": {key: {"not": {"type": "null"}} for key in keys}}


def _either(*keys: str) -> dict[str, Any]:
    return {"anyOf": list(map(_there, keys))}


def _stage(name: str) -> dict[str, Any]:
    kind = STAGES[name]
    flat = _VECTOR if kind.columns is None else _of(_HIDING) if name in ("masked", "weights") else _MATRIX
    return {"anyOf": [flat, _of(flat)]} if kind.heads else flat
