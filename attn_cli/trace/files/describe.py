"""The description of a trace without its arrays, the same in every container."""

from typing import Any

import numpy as np

from attn_cli import __version__
from attn_cli.trace.files.narrow import held_in
from attn_cli.trace.trace import Array, Layer, Stage, Trace

FORMAT = "attn.trace"
VERSION = 1


def describe(trace: Trace) -> dict[str, Any]:
    """The keys and values of a trace without its arrays, in the order of documents."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "attn": __version__,
        "text": trace.text,
        "tokens": list(trace.tokens),
        "token_ids": None if trace.token_ids is None else [int(token) for token in trace.token_ids],
        "context_tokens": None if trace.context_tokens is None else list(trace.context_tokens),
        "source": dict(trace.source),
        "layers": [_layer(layer) for layer in trace.layers],
        "notes": list(trace.notes),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    settings = layer.settings
    formulas = {stage.name: stage.formula for stage in layer.stages if stage.formula}
    return {
        "name": layer.name,
        "index": layer.index,
        "kind": layer.kind,
        "queries": layer.queries,
        "keys": layer.keys,
        "heads": layer.heads,
        "kv_heads": layer.kv_heads,
        "head_index": list(map(int, layer.head_index)),
        "kv_head_index": list(map(int, layer.kv_head_index)),
        "mask": settings.mask,
        "positions": settings.positions,
        "scale": settings.scale if isinstance(settings.scale, str) else float(settings.scale),
        "softcap": None if settings.softcap is None else float(settings.softcap),
        "dtype": settings.dtype,
        "stages": [stage.name for stage in layer.stages],
    } | ({"formulas": formulas} if formulas else {})


def numbers(layer: Layer, stage: Stage) -> Array:
    """A stage's array in the dtype of its layer; bfloat16 numbers as float32."""
    return np.ascontiguousarray(stage.array, dtype=held_in(layer.settings.dtype))
