"""Write traces as JSON, NPZ and safetensors, and read them back bit for bit."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.describe import describe, numbers
from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.files.paths import described, is_setting, is_trace, plain, undescribed, unquoted
from attn_cli.trace.files.reading import read_trace
from attn_cli.trace.files.tensors import write_safetensors
from attn_cli.trace.files.to_json import dumped, trace_to_json
from attn_cli.trace.trace import Array, Trace

__all__ = [
    "is_trace",
    "trace_from_json",
    "trace_from_npz",
    "trace_from_safetensors",
    "trace_to_json",
    "trace_to_npz",
    "trace_to_safetensors",
]

_FRAMEWORKS = ("pt", "np", "tf", "flax", "mlx")
"""The values that libraries write as `format` into the metadata of safetensors files."""


def trace_to_npz(trace: Trace) -> bytes:
    """An NPZ: arrays under their paths (`layers.0.weights`), everything else as JSON under `trace`."""
    return write_npz({"trace": np.array(dumped(describe(trace)).decode())} | _arrays(trace))


def trace_to_safetensors(trace: Trace) -> bytes:
    """A safetensors file: arrays under their paths, everything else as JSON under `trace` in the metadata."""
    return write_safetensors(_arrays(trace), {"trace": dumped(describe(trace)).decode()})


def trace_from_json(document: dict[str, Any], name: str) -> Trace:
    """The trace in a JSON document, which needs only `layers` with one stage each; DocumentError if it is invalid."""
    return read_trace(document, name, lambda at, _, stage: f"{name}: layers[{at}].{stage}")


def trace_from_npz(arrays: Mapping[str, Array], name: str) -> Trace:
    """The trace in an NPZ: written by attn, or arrays under their paths with settings as further entries."""
    if (text := arrays.get("trace")) is not None:
        if text.ndim or text.dtype.kind != "U":
            message = f"{name}: trace: expected a string, found an array of {text.dtype}"
            raise DocumentError(message, hint="write the trace again with attn")
        document = described(str(text), {key: array for key, array in arrays.items() if key != "trace"}, name)
    else:
        settings = {key: plain(array, key, name) for key, array in arrays.items() if is_setting(key)}
        document = undescribed({key: array for key, array in arrays.items() if key not in settings}, settings, name)
    return _by_path(document, name)


def trace_from_safetensors(arrays: Mapping[str, Array], metadata: Mapping[str, str], name: str) -> Trace:
    """The trace in a safetensors file: written by attn, or arrays under their paths with settings as metadata."""
    settings = {key: text for key, text in metadata.items() if key != "format" or text not in _FRAMEWORKS}
    if (text := settings.pop("trace", None)) is None:
        read = {key: unquoted(value, key) for key, value in settings.items()}
        return _by_path(undescribed(arrays, read, name), name)
    if settings:
        message = f"{name}: metadata: {next(iter(settings))!r} is given beside trace"
        raise DocumentError(message, hint="leave it out: trace holds all settings")
    return _by_path(described(text, arrays, name), name)


def _by_path(document: dict[str, Any], name: str) -> Trace:
    return read_trace(document, name, lambda _, layer, stage: f"{name}: {layer}.{stage}")


def _arrays(trace: Trace) -> dict[str, Array]:
    return {f"{layer.name}.{stage.name}": numbers(layer, stage) for layer in trace.layers for stage in layer.stages}
