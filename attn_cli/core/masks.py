"""Which keys a query may look at, as values; masks go by index, the last query standing on the last key."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from attn_cli.trace.trace import Array


class Mask(Protocol):
    """A rule for what is visible, True where query i may look at key j."""

    def visible(self, queries: int, keys: int) -> Array | None:
        """An array (query, key) of truth values, or None where everything is visible."""


def _indices(queries: int, keys: int) -> tuple[Array, Array]:
    """The index of each query, as a column, and of each key; the last query has the last key's."""
    return np.arange(keys - queries, keys)[:, np.newaxis], np.arange(keys)


@dataclass(frozen=True)
class NoMask:
    """Every query looks at every key."""

    def visible(self, queries: int, keys: int) -> Array | None:
        return None


@dataclass(frozen=True)
class Causal:
    """No query looks ahead; `start` puts the first query on the first key instead of the last on the last."""

    align: Literal["end", "start"] = "end"

    def visible(self, queries: int, keys: int) -> Array:
        query, key = _indices(queries, keys)
        return np.asarray(key <= (query if self.align == "end" else query - (keys - queries)))


@dataclass(frozen=True)
class Sliding:
    """Causal, but no further back than `window` tokens, itself included."""

    window: int

    def visible(self, queries: int, keys: int) -> Array:
        query, key = _indices(queries, keys)
        return np.asarray((key <= query) & (key > query - self.window))


@dataclass(frozen=True)
class Local:
    """Less than `window` tokens away, in both directions."""

    window: int

    def visible(self, queries: int, keys: int) -> Array:
        query, key = _indices(queries, keys)
        return np.asarray(abs(query - key) < self.window)


@dataclass(frozen=True)
class Prefix:
    """Causal, but the first `length` keys are seen by all."""

    length: int

    def visible(self, queries: int, keys: int) -> Array:
        query, key = _indices(queries, keys)
        return np.asarray((key <= query) | (key < self.length))


MASKS = MappingProxyType({"none": NoMask, "causal": Causal, "sliding": Sliding, "local": Local, "prefix": Prefix})
