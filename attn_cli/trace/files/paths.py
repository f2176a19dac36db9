"""Read files of arrays named by path (`layers.0.weights`), with or without attn's description."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from attn_cli.errors import DocumentError, nearest
from attn_cli.trace.files.layers import SETTINGS
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.usual_names import read_as, usual_stage
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

TOP = ("tokens", "context_tokens", "text")
_WORDS = ("text", "mask", "positions", "dtype")


def is_trace(keys: Iterable[str]) -> bool:
    """Whether these names of arrays or metadata are those of a trace."""
    return any(key == "trace" or re.search(rf"(^|\.)layers\.\d+\.(.+\.)?({'|'.join(STAGES)})$", key) for key in keys)


def described(text: str, arrays: Mapping[str, Array], name: str) -> dict[str, Any]:
    """The document of a trace's description and arrays."""
    document = parse_json(text.encode("utf-8", "surrogatepass"), f"{name}: trace")
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise DocumentError(f"{name}: trace: expected an object with layers", hint="write the trace again with attn")
    remaining = dict(arrays)
    for layer in document["layers"]:
        if not isinstance(layer, dict) or not isinstance(layer.get("name"), str):
            raise DocumentError(f"{name}: trace: layers: expected objects with a name", hint="write the trace again")
        for stage in STAGES:
            if stage in layer:
                message = f"{name}: trace: {layer['name']} has {stage!r}, which should be an array of the file"
                raise DocumentError(message, hint="write the trace again with attn")
            if (array := remaining.pop(f"{layer['name']}.{stage}", None)) is not None:
                layer[stage] = array
    if remaining:
        message = f"{name}: {next(iter(remaining))!r} belongs to no layer of the trace"
        raise DocumentError(message, hint="leave it out, or leave trace out: arrays alone are read too")
    return document


def undescribed(arrays: Mapping[str, Array], settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The document of arrays named by path; `settings` hold for all layers (`mask`) or one (`layers.0.mask`)."""
    layers: dict[str, dict[str, Any]] = {}
    document: dict[str, Any] = {}
    for_all_layers: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    for key, array in arrays.items():
        layer, _, last = key.rpartition(".")
        stage = last if last in STAGES else usual_stage(last)
        if not layer or stage is None:
            _refuse(key, name)
        if stage in layers.setdefault(layer, {"name": layer}):
            raise DocumentError(f"{name}: {layer} has {stage!r} under two names", hint="keep one of them")
        layers[layer][stage] = array
        renamed |= {last: stage} if stage != last else {}
    for key, value in settings.items():
        layer, _, setting = key.rpartition(".")
        if key in TOP:
            document[key] = value
        elif key in SETTINGS:
            for_all_layers[key] = value
        elif layer in layers and setting in SETTINGS:
            layers[layer][setting] = value
        else:
            _refuse(key, name)
    notes = {"notes": list(read_as(renamed))} if renamed else {}
    return document | notes | {"layers": [for_all_layers | layers[layer] for layer in sorted(layers, key=_order)]}


def plain(array: Array, key: str, name: str) -> Any:
    """A setting from an NPZ as a JSON value."""
    if array.dtype.kind == "U" and array.ndim < 2:
        return array.tolist()
    if array.ndim == 0 and array.dtype.kind in "fiu":
        return array.item()
    message = f"{name}: {key}: expected a word, a number or a list of strings, found an array of {array.dtype}"
    raise DocumentError(message, hint="numpy.array of a string, a number, or a list of strings")


def unquoted(text: str, key: str) -> Any:
    """A setting in the metadata of a safetensors file: JSON, or a bare word."""
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) or key.rpartition(".")[2] not in _WORDS else text


def is_setting(key: str) -> bool:
    """Whether an entry of an NPZ is a setting, not the array of a stage."""
    return key in TOP or key.rpartition(".")[2] in SETTINGS


def _refuse(key: str, name: str) -> NoReturn:
    layer, dot, last = key.rpartition(".")
    known = (*STAGES, *SETTINGS, *(() if dot else TOP))
    near = nearest(last, known)
    suggestion = f"{layer or 'layers.0'}.{near[0]}" if near and (dot or near[0] in STAGES) else "".join(near)
    hint = f"did you mean {suggestion!r}?" if near else "arrays are named by layer and stage: layers.0.weights"
    raise DocumentError(f"{name}: {key!r} is neither a stage of a layer nor a setting", hint=hint)


def _order(layer: str) -> tuple[bool, list[tuple[int, int, str]]]:
    """A sorting key: encoders first, numbers by size (layers.2 before layers.10)."""
    parts = re.findall(r"\d+|\D+", layer)
    return not layer.startswith("encoder"), [(0, int(p[:18]), "") if p.isdecimal() else (1, 0, p) for p in parts]
