"""Masks as values: the keys that each query may attend to, by index."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array

_PACKED = "give the length of each text: packed:3,3 is two texts of 3 tokens"


class Mask:
    """A rule for visible keys; the last query is at the last key, or if `from_start` the first at the first."""

    @property
    def from_start(self) -> bool:
        """Whether the first query is at the first key; otherwise the last query is at the last key."""
        return False

    def first_query(self, queries: int, keys: int) -> int:
        """The index of the key at the first query's position."""
        return 0 if self.from_start else keys - queries

    def sees(self, query: Array, key: Array) -> Array | None:
        """True (query, key) where visible, for query indices (query, 1) and key indices (key,); None if all are."""
        raise NotImplementedError

    def visible(self, rows: slice, queries: int, keys: int) -> Array | None:
        """True (row, key) where the key is visible, for some rows of the queries; None if all keys are."""
        query = np.arange(*rows.indices(queries))[:, np.newaxis]
        return self.sees(query + self.first_query(queries, keys), np.arange(keys))


@dataclass(frozen=True)
class NoMask(Mask):
    """Every query sees every key."""

    def sees(self, query: Array, key: Array) -> Array | None:
        return None


@dataclass(frozen=True)
class Causal(Mask):
    """No query sees later keys; the last query is at the last key, or with `start` the first query at the first key."""

    align: Literal["end", "start"] = "end"

    @property
    def from_start(self) -> bool:
        return self.align == "start"

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray(key <= query)


@dataclass(frozen=True)
class Sliding(Mask):
    """Causal sliding window: the last `window` tokens, the query's own included."""

    window: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) & (key > query - self.window))


@dataclass(frozen=True)
class Local(Mask):
    """Keys less than `window` tokens away, in both directions."""

    window: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray(abs(query - key) < self.window)


@dataclass(frozen=True)
class Prefix(Mask):
    """Prefix LM: causal, but every query sees the first `length` keys."""

    length: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) | (key < self.length))


@dataclass(frozen=True)
class Chunked(Mask):
    """Causal within chunks of `size` tokens: no query sees keys of earlier chunks."""

    size: int

    def sees(self, query: Array, key: Array) -> Array:
        return np.asarray((key <= query) & (key // self.size == query // self.size))


@dataclass(frozen=True)
class Packed(Mask):
    """Several texts packed into one sequence, causal within each; `lengths` are their token counts, in order."""

    lengths: tuple[int, ...]

    def sees(self, query: Array, key: Array) -> Array:
        ends = np.cumsum(self.lengths)
        query_text, key_text = (np.searchsorted(ends, index, side="right") for index in (query, key))
        return np.asarray((key <= query) & (query_text == key_text))

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
"""Other names for masks; an error suggests ours."""
