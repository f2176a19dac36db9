"""Documents by hand, and as real files in every container, written by the containers' own libraries."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.reading import read_document
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Array, Layer, Trace

Document = dict[str, Any]
SETTINGS = ("heads", "kv_heads", "dtype", "mask", "positions", "scale", "softcap", "d_k", "projections")
WORDS = ("tokens", "context_tokens", "embedding_tokens", "text")
TOKENS = ["the", "cat", "sat", "the", "mat"]
D_MODEL, D_K, D_V = 7, 3, 2


def numbers(*shape: int, seed: int = 0) -> Array:
    """Numbers with few decimals, so that a document stays short."""
    return np.random.default_rng([seed, *shape]).integers(-900, 900, shape) / 1000


def a_document(**changes: Any) -> Document:
    """Five tokens, one head, a vector for each word; a change to None takes a key away."""
    document: Document = {
        "tokens": TOKENS,
        "embeddings": dict(zip(["the", "cat", "sat", "mat"], numbers(4, D_MODEL), strict=True)),
        "W_Q": numbers(D_MODEL, D_K, seed=1),
        "W_K": numbers(D_MODEL, D_K, seed=2),
        "W_V": numbers(D_MODEL, D_V, seed=3),
    }
    return {key: value for key, value in (document | changes).items() if value is not None}


def vectors(document: Document) -> Array:
    return np.stack([document["embeddings"][token] for token in document["tokens"]])


def plain(value: Any) -> Any:
    """Arrays as the nested lists that JSON holds."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def as_json(document: Document) -> bytes:
    return json.dumps(plain(document)).encode()


def as_npz(document: Document) -> bytes:
    file = io.BytesIO()
    entries: Document = {key: np.array(value) for key, value in flat(document).items()}
    np.savez(file, **entries)
    return file.getvalue()


def as_safetensors(document: Document) -> bytes:
    entries = flat(document)
    words = {key: value for key, value in entries.items() if key in (*SETTINGS, *WORDS, "comment")}
    metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in words.items()}
    arrays = {key: np.ascontiguousarray(value) for key, value in entries.items() if key not in words}
    return save(arrays, metadata or None)


def flat(document: Document) -> Document:
    """The table of embeddings as a matrix and its tokens, and what is null left out, for containers of arrays."""
    table = document.get("embeddings")
    entries = {key: value for key, value in document.items() if value is not None}
    if isinstance(table, dict):
        entries |= {"embeddings": np.array(list(table.values())), "embedding_tokens": list(table)}
    return entries


CONTAINERS: Mapping[str, Callable[[Document], bytes]] = {
    ".json": as_json,
    ".npz": as_npz,
    ".safetensors": as_safetensors,
}


def read(document: Document, *, container: str = ".json", **options: Any) -> Parameters:
    """The parameters that a document holds, through bytes."""
    found = read_document(CONTAINERS[container](document), "d")
    assert not isinstance(found, Trace)
    return read_parameters(Request(weights="d", **options), found, "d")


def trace_of(data: bytes, folder: Path, **options: Any) -> Trace:
    """The trace that bytes in a real file make."""
    path = folder / "document"
    path.write_bytes(data)
    return run(Request(weights=str(path), **options))


def layer_of(document: Document, folder: Path, *, container: str = ".json", **options: Any) -> Layer:
    return trace_of(CONTAINERS[container](document), folder, **options).layers[0]


def arrays(layer: Layer) -> dict[str, Array]:
    return {stage.name: stage.array for stage in layer.stages}


def same(found: Layer, expected: Layer, leave_out: tuple[str, ...] = ()) -> None:
    """The same stages in the same order, to the same bits, under the same settings and labels."""
    names = [stage.name for stage in expected.stages if stage.name not in leave_out]
    assert [stage.name for stage in found.stages] == names
    for name in names:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert found.settings == expected.settings
    assert (found.query_tokens, found.key_tokens) == (expected.query_tokens, expected.key_tokens)
    assert (found.heads, found.kv_heads, found.kind) == (expected.heads, expected.kv_heads, expected.kind)
