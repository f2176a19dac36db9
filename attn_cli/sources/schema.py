"""The JSON Schema of a parameters document, made from the tables that the reader uses."""

from typing import Any

from attn_cli.core.spec import DTYPES
from attn_cli.sources.catalogue import BIASES, CONDITIONS, IGNORED, INPUTS, LATER, MATRICES, SETTINGS
from attn_cli.trace.stages import STAGES

_VECTOR = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_CELLS = {"type": "array", "items": {"type": ["number", "boolean", "null"]}, "minItems": 1}
_HIDING = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 1}
_WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_COUNT = {"type": "integer", "minimum": 1}


def _of(inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": inner, "minItems": 1}


_MATRIX = _of(_VECTOR)
_PLACES = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}

_INPUTS: dict[str, Any] = {
    "tokens": _WORDS,
    "context_tokens": _WORDS,
    "text": {"type": "string"},
    "embeddings": {"oneOf": [{"type": "object", "additionalProperties": _VECTOR, "minProperties": 1}, _MATRIX]},
    "embedding_tokens": _WORDS,
    "X": _MATRIX,
    "X_context": _MATRIX,
}
_CONDITIONS: dict[str, Any] = {
    "attn_mask": {"anyOf": [_of(_CELLS), _of(_of(_CELLS))]},
    "sinks": _VECTOR,
    "position_embeddings": _MATRIX,
    "position_ids": _PLACES,
    "position_ids_context": _PLACES,
}
_SETTINGS: dict[str, Any] = {
    "heads": _COUNT,
    "kv_heads": _COUNT,
    "d_k": _COUNT,
    "dtype": {"enum": list(DTYPES)},
    "mask": {"type": "string"},
    "positions": {"type": "string"},
    "scale": {"type": ["number", "string"]},
    "softcap": {"type": ["number", "string"]},
    "projections": {"const": "linear"},
}


def weights_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12; what it accepts has still to fit together in its shapes."""
    kinds = _INPUTS | _CONDITIONS | _SETTINGS
    kinds |= {key: {"anyOf": [_MATRIX] if key == "W_O" else [_MATRIX, _of(_MATRIX)]} for key in MATRICES}
    kinds |= dict.fromkeys(BIASES, _VECTOR) | {key: _stage(key) for key in LATER}
    words = INPUTS | MATRICES | BIASES | LATER | CONDITIONS | SETTINGS
    nullable = {key: {"anyOf": [kinds[key], {"type": "null"}], "description": words[key]} for key in words}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "attn weights",
        "description": "Where attention starts from, projections and settings of one attention layer.",
        "type": "object",
        "properties": nullable | {key: {} for key in IGNORED},
        "anyOf": [
            {"required": ["embeddings"]},
            {"required": ["X"]},
            {"required": ["Q", "K"]},
            *({"required": [stage]} for stage in ("scores", "scaled", "softcapped", "biased", "masked", "weights")),
        ],
        "not": {"required": ["embeddings", "X"]},
        "additionalProperties": False,
    }


def _stage(name: str) -> dict[str, Any]:
    kind = STAGES[name]
    flat = _VECTOR if kind.columns is None else _of(_HIDING) if name == "masked" else _MATRIX
    return {"anyOf": [flat, _of(flat)]} if kind.heads else flat
