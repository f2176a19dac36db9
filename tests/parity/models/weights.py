"""The weights of the cases, drawn from their names, so that only figures have to be stored."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.models.cases import Case

Array = np.ndarray[Any, np.dtype[Any]]
Shapes = Mapping[str, list[int]]


def draw(name: str, shape: list[int]) -> Array:
    """Peaked weights: near-uniform attention would hide mistakes. Norms stand around 1, biases around 0."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if "norm" in name.lower() or "ln_" in name or "layer_norm" in name or ".ln" in name:
        return noise * 0.2 + (1 if name.endswith(("weight", "gamma")) else 0)
    if len(shape) < 2:
        return noise * 0.3
    if "embed" in name or "wte" in name or "wpe" in name or "shared" in name:
        return noise * 0.7
    return noise * 1.3 / np.sqrt(shape[-1])


def write_folder(folder: Path, case: Case, config: Mapping[str, Any], shapes: Shapes) -> None:
    """The checkpoint of a case: config.json and safetensors, in the case's dtype and shards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    names = list(shapes)
    shards = [names[start :: case.shards] for start in range(case.shards)]
    if case.shards == 1:
        _write(folder / "model.safetensors", {name: draw(name, shapes[name]) for name in names}, case.dtype)
        return
    places = {}
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{case.shards:05}.safetensors"
        _write(folder / file, {name: draw(name, shapes[name]) for name in shard}, case.dtype)
        places |= dict.fromkeys(shard, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def _write(path: Path, tensors: Mapping[str, Array], dtype: str) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blobs, start = [], 0
    for name, array in tensors.items():
        blob = _stored(array, dtype).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, start + len(blob)]}
        blobs.append(blob)
        start += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def _stored(array: Array, dtype: str) -> Array:
    if dtype == "BF16":  # cut off, not rounded: both sides read the same file
        return (array.astype("<f4").view("<u4") >> 16).astype("<u2")
    return array.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype])
