"""Which keys a query may look at, as values; masks go by index, the last query standing on the last key."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array

_PACKED = "give the length of each text: packed:3,3 is two texts of 3 tokens"


class Mask:
    """A rule for what is visible; the last query stands on the last key, or `from_start` the first on the first."""

    @property
    def from_start(self) -> bool:
        return False

    def first_query(self, queries: int, keys: int) -> int:
        """The key that the first query stands on, of so many queries and keys."""
        return 0 if self.from_start else keys - queries

    def sees(self, query: Array, key: Array) -> Array | None:
        """Truth values (query, key) for indices of queries, as a column, and of keys; None where all is visible."""
        raise NotImplementedError

    def visible(self, rows: slice, queries: int, keys: int) -> Array | None:
        """Truth values (row, key) for some rows among `queries`, True where they may look."""
        query = np.arange(*rows.indices(queries))[:, np.newaxis]
        return self.sees(query + self.first_query(queries, keys), np.arange(keys))


@dataclass(frozen=True)
class NoMask(Mask):
    """Every query looks at every key."""

    def sees(self, query: Array, key: Array) -> Array | None:
        return None


@dataclass(frozen=True)
class Causal(Mask):
    """No query looks ahead; the last query stands on the last key, with `start` the first on the first."""

    align: Literal["end", "start"] = "end"

    @property
    def from_start(self) -> bool:
        return self.align == "start"

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray(key <= query)


@dataclass(frozen=True)
class Sliding(Mask):
    """Causal, but no further back than `window` tokens, itself included."""

    window: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) & (key > query - self.window))


@dataclass(frozen=True)
class Local(Mask):
    """Less than `window` tokens away, in both directions."""

    window: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray(abs(query - key) < self.window)


@dataclass(frozen=True)
class Prefix(Mask):
    """Causal, but the first `length` keys are seen by all."""

    length: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) | (key < self.length))


@dataclass(frozen=True)
class Chunked(Mask):
    """Causal, but no further back than the start of the query's own chunk of `size` tokens."""

    size: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) & (key // self.size == query // self.size))


@dataclass(frozen=True)
class Packed(Mask):
    """Several texts in one sequence, causal within each; `lengths` are their tokens, in order."""

    lengths: tuple[int, ...]

    def sees(self, query: Array, key: Array) -> Array:
        ends = np.cumsum(self.lengths)
        text, others = (np.searchsorted(ends, index, side="right") for index in (query, key))
        return np.asarray((key <= query) & (text == others))

    def visible(self, rows: slice, queries: int, keys: int) -> Array | None:
        if sum(self.lengths) != keys:
            texts = ",".join(map(str, self.lengths))
            raise SpecError(f"packed:{texts} is {sum(self.lengths)} tokens, and there are {keys} keys", hint=_PACKED)
        return super().visible(rows, queries, keys)


MASKS = MappingProxyType(
    {
        "none": NoMask,
        "causal": Causal,
        "sliding": Sliding,
        "local": Local,
        "prefix": Prefix,
        "chunked": Chunked,
        "packed": Packed,
    }
)
MASKS_ALSO = MappingProxyType(
    {
        "full": "none",
        "bidirectional": "none",
        "window": "sliding",
        "swa": "sliding",
        "banded": "local",
        "block": "chunked",
    }
)
"""Other words for some of them, which errors answer."""
