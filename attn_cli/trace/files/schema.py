"""The JSON Schema of a trace, made from the catalog of stages."""

from typing import Any

from attn_cli.trace.files.checker import WORDS
from attn_cli.trace.files.describe import FORMAT, VERSION
from attn_cli.trace.files.layers import IGNORED, KINDS, LABELS
from attn_cli.trace.files.narrow import DTYPES
from attn_cli.trace.stages import STAGES, StageKind

_WORD = {"type": "string", "minLength": 1}
_TOKENS = {"type": "array", "items": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 1}
_INDEX = {"type": "integer", "minimum": 0}
_INDICES = {"type": "array", "items": _INDEX, "uniqueItems": True}


def trace_schema() -> dict[str, Any]:
    """The schema (JSON Schema draft 2020-12). Only the reader checks that shapes fit together."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "attn trace",
        "description": "Every stage of every chosen attention layer, with where it came from.",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "attn": {"type": "string", "description": "the version of attn that wrote it"},
            "text": {"type": ["string", "null"]},
            "tokens": _TOKENS | {"minItems": 1},
            "token_ids": {"oneOf": [{"type": "array", "items": _INDEX}, {"type": "null"}]},
            "context_tokens": {"oneOf": [_TOKENS, {"type": "null"}]},
            "source": {"type": "object", "description": "where the numbers came from"},
            "layers": {"type": "array", "items": _layer(), "minItems": 1},
            "notes": {"type": "array", "items": {"type": "string"}},
            **{key: {"type": "string"} for key in IGNORED},
        },
        "required": ["format", "version", "layers"],
        "additionalProperties": False,
        "$defs": {
            "number": {"anyOf": [{"type": "number"}, {"enum": list(WORDS)}]},
            "hidden": {"anyOf": [{"$ref": "#/$defs/number"}, {"type": "null"}]},
        },
    }


def _layer() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": _WORD,
            "index": _INDEX,
            "kind": {"enum": list(KINDS)},
            "queries": {"enum": list(LABELS), "description": "the tokens that label the rows"},
            "keys": {"enum": list(LABELS), "description": "the tokens that label the columns"},
            "heads": _COUNT | {"description": "query heads of the layer"},
            "kv_heads": _COUNT | {"description": "key/value heads of the layer"},
            "head_index": _INDICES | {"description": "the query heads whose arrays are here"},
            "kv_head_index": _INDICES | {"description": "the key/value heads whose arrays are here"},
            "mask": _WORD,
            "positions": _WORD,
            "scale": {"anyOf": [{"type": "number"}, {"enum": ["none", "sqrt"]}]},
            "softcap": {"type": ["number", "null"]},
            "dtype": {"enum": list(DTYPES)},
            "stages": {"type": "array", "items": {"enum": list(STAGES)}, "uniqueItems": True},
            "formulas": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in STAGES},
                "additionalProperties": False,
            },
            **{name: _stage(name, kind) for name, kind in STAGES.items()},
            **{key: {"type": "string"} for key in IGNORED},
        },
        "anyOf": [{"required": [name]} for name in STAGES],
        "additionalProperties": False,
    }


def _stage(name: str, kind: StageKind) -> dict[str, Any]:
    """The schema of a stage: a list of rows per head; with one head, the list of rows is enough."""
    cells: dict[str, Any] = {"$ref": f"#/$defs/{'hidden' if name == 'masked' else 'number'}"}
    for _ in range(2 if kind.columns else 1):
        cells = {"type": "array", "items": cells, "minItems": 1}
    by_head = {"type": "array", "items": cells, "minItems": 1}
    return ({"anyOf": [by_head, cells]} if kind.heads else cells) | {"description": kind.meaning}
