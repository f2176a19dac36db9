"""Read the attention of all layers in one array, as `output_attentions` gives it, as a trace."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import Document
from attn_cli.trace.files.checker import sizes_of, to_array
from attn_cli.trace.files.layers import IGNORED, SETTINGS
from attn_cli.trace.files.paths import TOP, undescribed
from attn_cli.trace.files.reading import read_trace
from attn_cli.trace.files.usual_names import usual_stage
from attn_cli.trace.trace import Array, Trace, shape_words

STACKS: Mapping[str, str] = MappingProxyType(
    {
        "attentions": "layers.{}",
        "encoder_attentions": "encoder.layers.{}",
        "decoder_attentions": "decoder.layers.{}",
        "cross_attentions": "decoder.layers.{}.cross",
    }
)
"""The names of layers, by the names of stacked weights in Transformers."""
_NUMBERED = re.compile(r"(?:arr|attentions?|attn|layer|weights)[._]?(\d{1,4})", re.ASCII)


def from_stack(document: Document, name: str) -> Trace | None:
    """A trace of stacked weights (layer, 1, head, query, key), or of numbered arrays; None for any other document.

    (layer, head, query, key) is read only under a name such as attentions; under another name the first axis may be a
    batch. DocumentError for a batch of several texts.
    """
    layers: dict[str, Any] = {}
    notes: list[str] = []
    settings: dict[str, Any] = {}
    numbered = {key: match[1] for key in document if (match := _NUMBERED.fullmatch(key.lower()))}
    for key, value in document.items():
        if key in (*TOP, *SETTINGS):
            settings[key] = value
        elif key in IGNORED:
            continue
        elif key in numbered:
            layer = f"layers.{int(numbered[key])}"
            if layer in layers:
                raise DocumentError(f"{name}: {key} is a second {layer}", hint="number the layers from 0, each once")
            layers[layer] = _matrices(value, f"{name}: {key}")
        elif _is_unclear(key, value):
            count, shape = len(value), shape_words(sizes_of(value))
            message = f"{name}: {key}: {shape} may be {count} layers, or a batch of {count} texts"
            hint = "name layers attentions: np.savez(file, attentions=…); give each text of a batch its own document"
            raise DocumentError(message, hint=hint)
        elif (pattern := _pattern(key, value)) is not None:
            stack = _layers(value, f"{name}: {key}")
            layers |= {pattern.format(number): matrix for number, matrix in enumerate(stack)}
            notes.append(f"{key} holds the weights of {len(stack)} layers: {shape_words(sizes_of(value))}")
        else:
            return None
    if not layers:
        return None
    if numbered:
        first, *_, last = [*numbered, *numbered]
        notes.append(f"{first} to {last} hold the weights of {len(numbered)} layers")
    arrays = {f"{layer}.weights": matrix for layer, matrix in layers.items()}
    trace = read_trace(undescribed(arrays, settings, name), name, lambda _, layer, stage: f"{name}: {layer}.{stage}")
    source = {"kind": "document", "path": name}
    return replace(trace, source=source, notes=(*notes, *trace.notes))


def _pattern(key: str, value: Any) -> str | None:
    """The pattern of the layers' names; None if the value does not hold several layers."""
    axes = len(sizes_of(value))
    named = STACKS.get(key.lower())
    if named is not None and (axes == 5 or (axes == 4 and len(value) != 1)):
        return named
    return STACKS["attentions"] if axes == 5 and (key == "weights" or usual_stage(key) == "weights") else None


def _is_unclear(key: str, value: Any) -> bool:
    """Whether weights have four axes under a name that leaves open whether the first is layers or texts."""
    sizes = sizes_of(value)
    named = key == "weights" or (usual_stage(key) == "weights" and key.lower() not in STACKS)
    return named and len(sizes) == 4 and 1 not in sizes[:2]


def _layers(value: Any, where: str) -> Array:
    """Weights (layer, head, query, key) without their batch axis."""
    axes = len(sizes_of(value))
    array = to_array(value, where, (axes,), special=True, null=np.nan)
    if axes == 4:
        return array
    if 1 in array.shape[:2]:
        single: Array = array[:, 0] if array.shape[1] == 1 else array[0]
        return single
    message = f"{where}: {shape_words(array.shape)} is a batch of {array.shape[1]} texts in {array.shape[0]} layers"
    raise DocumentError(message, hint="give each text its own document: attentions[:, :1] is the first")


def _matrices(value: Any, where: str) -> Array:
    return to_array(value, where, (2, 3), special=True, null=np.nan)
