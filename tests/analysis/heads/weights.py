"""Layers of hand-made weights, and heads that are perfect of their kind."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from attn_cli.trace.trace import Layer, Settings, Stage, Trace

Array = np.ndarray[Any, np.dtype[Any]]


def trace_of(words: str | Sequence[str], *heads: Any, mask: str = "causal", name: str = "layers.0") -> Trace:
    """A trace of one layer with these weights (query, key), one matrix for each head."""
    tokens = tuple(words.split() if isinstance(words, str) else words)
    count = tuple(range(len(heads)))
    stage = Stage("weights", np.array(heads, dtype=np.float64))
    settings = Settings(mask=mask)
    layer = Layer((stage,), tokens, tokens, len(count), len(count), count, count, settings, name=name)
    return Trace(tokens, (layer,), {"kind": "document", "path": "by hand"})


def looking(tokens: Sequence[str], keys: Callable[[int], list[int]], rest: Callable[[int], list[int]]) -> Array:
    """A head whose query i spreads evenly over `keys(i)`, or where that is empty over `rest(i)`."""
    weights = np.zeros((len(tokens), len(tokens)))
    for query in range(len(tokens)):
        chosen = keys(query) or rest(query)
        weights[query, chosen] = 1 / len(chosen)
    return weights


def everywhere(query: int) -> list[int]:
    return list(range(query + 1))


def first(query: int) -> list[int]:
    return [0]


def itself(query: int) -> list[int]:
    return [query]


def before(query: int) -> list[int]:
    return [query - 1] if query else []


def same(tokens: Sequence[str]) -> Callable[[int], list[int]]:
    return lambda query: [key for key in range(query) if tokens[key] == tokens[query]]


def followers(tokens: Sequence[str]) -> Callable[[int], list[int]]:
    return lambda query: [key + 1 for key in range(query) if tokens[key] == tokens[query]]
