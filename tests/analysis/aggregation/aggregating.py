"""Traces for tests of aggregations, from plain weights."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen
from attn_cli.sources.output_matrix import HeadOutputMatrix
from attn_cli.trace.trace import Array, Layer, Settings, Stage


def layer_of(index: int = 0, kv_heads: int | None = None, **stages: Array) -> Layer:
    """A layer with these stages; tokens are a, b, c, …."""
    heads, queries, keys = stages["weights"].shape
    names = tuple("abcdefghijklmnopqrstuvwxyz0123456789+-*/"[: max(queries, keys)])
    return Layer(
        stages=tuple(Stage(name, np.asarray(array, dtype=np.float64)) for name, array in stages.items()),
        query_tokens=names[:queries],
        key_tokens=names[:keys],
        heads=heads,
        kv_heads=kv_heads or heads,
        head_index=tuple(range(heads)),
        kv_head_index=tuple(range(kv_heads or heads)),
        settings=Settings(),
        name=f"layers.{index}",
        index=index,
    )


def chosen(*layers: Layer, matrix: Array | None = None, heads: tuple[int, ...] | None = None) -> Chosen:
    """All heads of these layers, or some, which write through W_O (head, d_v, d_out)."""
    own = tuple(heads or layer.head_index for layer in layers)
    return Chosen("it", layers, own, lambda _: None if matrix is None else HeadOutputMatrix(matrix))


def drawn(rng: np.random.Generator, heads: int, queries: int, keys: int) -> Array:
    """Weights (head, query, key) whose rows sum to 1."""
    exponentials = np.exp(2 * rng.normal(size=(heads, queries, keys)))
    return exponentials / exponentials.sum(axis=2, keepdims=True)
