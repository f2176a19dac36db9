"""Parameters as a document: JSON to be read and edited, NPZ or safetensors for large ones."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.core.masks import MASKS
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import spell
from attn_cli.errors import AttnError
from attn_cli.sources.parameters import Parameters
from attn_cli.trace.archives import write_npz, write_safetensors
from attn_cli.trace.trace import Array


def _settings(parameters: Parameters) -> dict[str, Any]:
    spec = parameters.spec
    return {
        "heads": spec.heads,
        "kv_heads": spec.key_heads,
        "dtype": spec.dtype,
        "mask": spell(spec.mask, MASKS),
        "positions": spell(spec.positions, POSITIONS),
        "scale": spec.scale,
    }


def to_json(parameters: Parameters) -> bytes:
    """One row of numbers a line, so that a reader finds what he wants to change."""
    document: dict[str, Any] = {"tokens": list(parameters.tokens)}
    if parameters.table is None:
        document["X"] = parameters.x.tolist()
    else:
        document["embeddings"] = {token: vector.tolist() for token, vector in parameters.table.items()}
    document |= {name: matrix.tolist() for name, matrix in parameters.projections.given().items()}
    document |= _settings(parameters)
    lines = ",\n".join(f"  {_text(key)}: {_laid_out(value)}" for key, value in document.items())
    return f"{{\n{lines}\n}}\n".encode()


def to_npz(parameters: Parameters) -> bytes:
    tokens = (*parameters.tokens, *(parameters.table or ()))
    if bad := next((token for token in tokens if token.endswith("\0")), None):
        raise AttnError(f"NPZ cannot hold the token {bad!r}: it ends in NUL", hint="write .json or .safetensors")
    names = {"tokens": np.array(parameters.tokens)}
    if parameters.table is not None:
        names["embedding_tokens"] = np.array(list(parameters.table))
    settings = {name: np.array(value) for name, value in _settings(parameters).items()}
    return write_npz(names | _arrays(parameters) | settings)


def to_safetensors(parameters: Parameters) -> bytes:
    metadata: dict[str, Any] = {"tokens": list(parameters.tokens)}
    if parameters.table is not None:
        metadata["embedding_tokens"] = list(parameters.table)
    metadata |= _settings(parameters)
    return write_safetensors(_arrays(parameters), {key: json.dumps(value) for key, value in metadata.items()})


def _arrays(parameters: Parameters) -> dict[str, Array]:
    table = parameters.table
    vectors = {"X": parameters.x} if table is None else {"embeddings": np.stack(list(table.values()))}
    return vectors | parameters.projections.given()


def _laid_out(value: Any) -> str:
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"    {_text(key)}: {_text(row)}" for key, row in value.items()) + "\n  }"
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + ",\n".join(f"    {_text(row)}" for row in value) + "\n  ]"
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


WRITERS: Mapping[str, Callable[[Parameters], bytes]] = MappingProxyType(
    {".json": to_json, ".npz": to_npz, ".safetensors": to_safetensors}
)
