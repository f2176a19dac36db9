"""Read safetensors files with the library; write them here, so that equal input gives equal bytes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array, frozen

SAFETENSORS_DTYPES: Mapping[str, str] = MappingProxyType(
    {
        "F64": "<f8",
        "F32": "<f4",
        "F16": "<f2",
        "BF16": "<u2",
        "I64": "<i8",
        "I32": "<i4",
        "I16": "<i2",
        "I8": "|i1",
        "U64": "<u8",
        "U32": "<u4",
        "U16": "<u2",
        "U8": "|u1",
        "BOOL": "|b1",
    }
)
"""safetensors' name of a dtype → NumPy's dtype; bfloat16 as its bits."""
_NAMES = MappingProxyType({dtype: name for name, dtype in SAFETENSORS_DTYPES.items() if name != "BF16"})


def read_safetensors(data: bytes, name: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays by name, read-only, and the metadata; bfloat16 is widened to float32, which holds it exactly.

    In a file without `trace`, metadata `layers.0.dtype` is added for a layer whose arrays are all bfloat16.
    DocumentError for a damaged file and for dtypes that NumPy lacks.
    """
    from safetensors import SafetensorError, deserialize

    try:
        entries: list[tuple[str, dict[str, Any]]] = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        hint = "it may have been cut off while it was copied: write or copy it again"
        raise DocumentError(f"{name}: is a damaged safetensors file: {error}", hint=hint) from error
    header = parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")], name)
    metadata: dict[str, str] = header.get("__metadata__") or {}
    # In the order of the file.
    offsets = {key: entry["data_offsets"] for key, entry in header.items() if key != "__metadata__"}
    tensors = sorted(entries, key=lambda entry: offsets[entry[0]])
    arrays = {key: _array(tensor, f"{name}: {key}") for key, tensor in tensors}
    if "trace" not in metadata:
        metadata = _layers_of_bfloat16({key: tensor["dtype"] for key, tensor in tensors}) | metadata
    return arrays, metadata


def write_safetensors(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of these arrays of numbers or booleans, widest dtypes first, so that all are aligned."""
    import json

    plain = {key: np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C") for key, array in arrays.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    blocks, end = [], 0
    for key, array in sorted(plain.items(), key=lambda item: -item[1].itemsize):
        start, end = end, end + array.nbytes
        dtype = _NAMES[array.dtype.str]
        header[key] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
        blocks.append(array.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *blocks])


def _array(tensor: Mapping[str, Any], where: str) -> Array:
    dtype = tensor["dtype"]
    if dtype not in SAFETENSORS_DTYPES:
        hint = "write it as float32, float16 or bfloat16"
        raise DocumentError(f"{where}: numbers of dtype {dtype} cannot be read", hint=hint)
    flat: Array = np.frombuffer(tensor["data"], SAFETENSORS_DTYPES[dtype])
    if dtype == "BF16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return frozen(flat.reshape(tensor["shape"]))


def _layers_of_bfloat16(dtypes: Mapping[str, str]) -> dict[str, str]:
    """`layers.0.dtype`: bfloat16 for each layer whose stages are all stored as bfloat16."""
    layers: dict[str, set[str]] = {}
    for key, dtype in dtypes.items():
        layer, _, stage = key.rpartition(".")
        if layer and stage in STAGES:
            layers.setdefault(layer, set()).add(dtype)
    return {f"{layer}.dtype": "bfloat16" for layer, stored in layers.items() if stored == {"BF16"}}
