"""The JSON Schema of a parameters document, made from the tables that the reader uses."""

from typing import Any

from attn_cli.core.spec import DTYPES
from attn_cli.sources.documents import BIASES, IGNORED, INPUTS, MATRICES, SETTINGS

_VECTOR = {"type": "array", "items": {"type": "number"}, "minItems": 1}
_MATRIX = {"type": "array", "items": _VECTOR, "minItems": 1}
_HEADS = {"type": "array", "items": _MATRIX, "minItems": 1}
_COUNT = {"type": "integer", "minimum": 1}


def weights_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12; what it accepts has still to fit together in its shapes."""
    inputs: dict[str, Any] = {
        "tokens": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "embeddings": {
            "oneOf": [{"type": "object", "additionalProperties": _VECTOR, "minProperties": 1}, _MATRIX],
        },
        "embedding_tokens": {"type": "array", "items": {"type": "string"}},
        "X": _MATRIX,
    }
    settings: dict[str, Any] = {
        "heads": _COUNT,
        "kv_heads": _COUNT,
        "dtype": {"enum": list(DTYPES)},
        "mask": {"type": "string"},
        "positions": {"type": "string"},
        "scale": {"type": ["number", "string"]},
        "softcap": {"type": "null"},
        "projections": {"const": "linear"},
    }
    properties = {key: inputs[key] | {"description": words} for key, words in INPUTS.items()}
    properties |= {
        key: {"anyOf": [_MATRIX] if key == "W_O" else [_MATRIX, _HEADS], "description": words}
        for key, words in MATRICES.items()
    }
    properties |= {key: _VECTOR | {"description": words} for key, words in BIASES.items()}
    properties |= {key: settings[key] | {"description": words} for key, words in SETTINGS.items()}
    properties |= {key: {"type": "string"} for key in IGNORED}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "attn weights",
        "description": "Embeddings, projections and settings of one attention layer.",
        "type": "object",
        "properties": properties,
        "required": ["W_Q", "W_K", "W_V"],
        "oneOf": [{"required": ["embeddings"]}, {"required": ["X"]}],
        "additionalProperties": False,
    }
