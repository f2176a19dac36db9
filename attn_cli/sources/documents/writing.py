"""Write parameters as a document: JSON to read and edit, NPZ or safetensors if they are large."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson

from attn_cli.core.masks import MASKS
from attn_cli.core.norms import QK_NORMS
from attn_cli.core.positions import POSITIONS, QUERY_SCALINGS
from attn_cli.core.spec import Extras
from attn_cli.core.spelling import spell
from attn_cli.errors import AttnError
from attn_cli.sources.documents.catalogue import CONDITIONS
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.vectors import Table, look_up
from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.files.tensors import write_safetensors
from attn_cli.trace.files.to_json import MOST_NUMBERS
from attn_cli.trace.trace import Array

_NAMES = {"embedded": "X", "embedded_context": "X_context"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def to_json(parameters: Parameters) -> bytes:
    """JSON with one row of numbers per line, for editing by hand; AttnError above `MOST_NUMBERS`."""
    count = sum(array.size for array in _arrays(parameters).values())
    if count > MOST_NUMBERS:
        message = f"{count:,} numbers are too many for JSON, {MOST_NUMBERS:,} are the most"
        raise AttnError(message, hint="write NPZ with -o weights.npz, or choose a head")
    document = _words(parameters)
    if parameters.table is not None:
        document["embeddings"] = {token: vector.tolist() for token, vector in parameters.table.items()}
    dtype = parameters.spec.dtype
    document |= {name: _finite(array, dtype) for name, array in _arrays(parameters).items()} | _settings(parameters)
    lines = ",\n".join(f"  {_text(key)}: {_laid_out(value, '  ')}" for key, value in document.items())
    return f"{{\n{lines}\n}}\n".encode()


def to_npz(parameters: Parameters) -> bytes:
    """An NPZ; strings and settings are string arrays and 0-d arrays. AttnError for a token that ends in NUL."""
    words = _words(parameters) | ({} if parameters.table is None else {"embedding_tokens": list(parameters.table)})
    for token in [token for tokens in words.values() for token in tokens]:
        if token.endswith("\0"):
            raise AttnError(f"NPZ cannot hold the token {token!r}: it ends in NUL", hint="write .json or .safetensors")
    return write_npz(
        {name: np.array(tokens) for name, tokens in words.items()}
        | _table(parameters)
        | _arrays(parameters)
        | {name: np.array(value) for name, value in _settings(parameters).items()}
    )


def to_safetensors(parameters: Parameters) -> bytes:
    """A safetensors file; strings and settings are JSON in the metadata."""
    words = _words(parameters) | ({} if parameters.table is None else {"embedding_tokens": list(parameters.table)})
    metadata = {key: json.dumps(value) for key, value in (words | _settings(parameters)).items()}
    return write_safetensors(_table(parameters) | _arrays(parameters), metadata)


def _words(parameters: Parameters) -> dict[str, Any]:
    tokens: dict[str, Any] = {"tokens": list(parameters.tokens)}
    context = parameters.context_tokens
    return tokens if context is None else tokens | {"context_tokens": list(context)}


def _table(parameters: Parameters) -> dict[str, Array]:
    return {} if parameters.table is None else {"embeddings": np.stack(list(parameters.table.values()))}


def _arrays(parameters: Parameters) -> dict[str, Array]:
    """Stages to start from, projections, masks and other arrays; vectors only if no table holds them."""
    words = {"embedded": parameters.tokens, "embedded_context": parameters.context_tokens or ()}
    stages = {
        _NAMES.get(name, name): array
        for name, array in parameters.given.items()
        if not (name in words and _holds(parameters.table, words[name], array))
    }
    return stages | parameters.projections.given() | _extras(parameters.extras)


def _holds(table: Table | None, tokens: Sequence[str], vectors: Array) -> bool:
    """Whether the table holds exactly these vectors for these tokens."""
    complete = table is not None and all(token in table or token.lower() in table for token in tokens)
    return complete and table is not None and np.array_equal(look_up(table, tokens), vectors)


def _extras(extras: Extras) -> dict[str, Array]:
    names = [name for name in CONDITIONS if name != "attn_mask"]
    arrays = {name: getattr(extras, name) for name in names if getattr(extras, name) is not None}
    if extras.bias is None and extras.hidden is None:
        return arrays
    mask = np.zeros(()) if extras.bias is None else extras.bias
    hidden = np.zeros((), bool) if extras.hidden is None else extras.hidden
    return arrays | {"attn_mask": np.where(hidden, -np.inf, mask)}


def _settings(parameters: Parameters) -> dict[str, Any]:
    spec = parameters.spec
    settings: dict[str, Any] = {
        "heads": spec.heads,
        "kv_heads": spec.key_heads,
        "dtype": spec.dtype,
        "mask": spell(spec.mask, MASKS),
        "positions": spell(spec.positions, POSITIONS),
        "scale": spec.scale,
    }
    optional = {
        "softcap": spec.softcap,
        "d_k": spec.d_k,
        "clip": spec.clip,
        "qk_norm": None if spec.qk_norm is None else spell(spec.qk_norm, QK_NORMS),
        "query_scaling": None if spec.query_scaling is None else spell(spec.query_scaling, QUERY_SCALINGS),
    }
    return settings | {name: value for name, value in optional.items() if value is not None}


def _finite(array: Array, dtype: str) -> Any:
    """Nested lists with null for −∞, and only the digits that arithmetic in `dtype` needs."""
    if not np.isfinite(array).all():
        return np.where(np.isneginf(array), np.array(None), array.astype(object)).tolist()
    if array.dtype == np.float32 == np.dtype(dtype):
        return orjson.loads(orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY))
    return array.tolist()


def _laid_out(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict):
        rows = ",\n".join(f"{inner}{_text(key)}: {_text(row)}" for key, row in value.items())
        return f"{{\n{rows}\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = ",\n".join(inner + _laid_out(row, inner) for row in value)
        return f"[\n{rows}\n{indent}]"
    return _text(value)


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return json.dumps(value, allow_nan=False) if _SURROGATE.search(text) else text


WRITERS: Mapping[str, Callable[[Parameters], bytes]] = MappingProxyType(
    {".json": to_json, ".npz": to_npz, ".safetensors": to_safetensors}
)
