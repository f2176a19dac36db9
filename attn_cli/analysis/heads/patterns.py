"""Patterns: which cells (query, key) a head of some kind looks at, as TransformerLens's head_detector draws them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.heads.observed import Observed
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Pattern:
    """`cells` gives truth values (query, key), `what` the key in words, `missing` why there may be none.

    `remedy` is what to do about it.
    """

    what: str
    missing: str
    cells: Callable[[Array, Array, Array, Array], Array]
    remedy: str = "choose another metric"


def _duplicates(query: Array, key: Array, queries: Array, keys: Array) -> Array:
    return np.asarray((keys == queries[:, np.newaxis]) & (key < query))


def _induction(query: Array, key: Array, queries: Array, keys: Array) -> Array:
    """The duplicates, one place to the right: what came after the same token before."""
    shifted = np.zeros((len(queries), len(keys)), dtype=bool)
    shifted[:, 1:] = _duplicates(query, key, queries, keys)[:, :-1]
    return shifted & (key <= query)


_NO_REPEATS = "no token of this text is repeated where a query may look at the first"
_REPEAT = "give a text with repeated words, or --repeat N with a checkpoint"

PATTERNS = MappingProxyType(
    {
        "previous_token": Pattern(
            "the token before", "there is no token before", lambda query, key, *_: np.asarray(key == query - 1)
        ),
        "duplicate_token": Pattern("earlier occurrences of the same token", _NO_REPEATS, _duplicates, _REPEAT),
        "induction": Pattern("what followed earlier occurrences of the same token", _NO_REPEATS, _induction, _REPEAT),
        "current_token": Pattern("itself", "no query has itself among the keys", lambda query, key, *_: key == query),
        "first_token": Pattern(
            "the first token", "no query may look at it", lambda query, key, *_: (key == 0) & (query >= 0)
        ),
        "next_token": Pattern(
            "the token after", "no query may look ahead under this mask", lambda query, key, *_: key == query + 1
        ),
    }
)
"""Every pattern; places are counted from 0, and query (a column) and key (a row) are places."""


def cells(name: str, observed: Observed) -> Array | None:
    """The pattern's cells (query, key), seen or not; None where no query may look at a key of the kind."""
    if name not in observed.drawn:
        observed.drawn[name] = _drawn(name, observed)
    return observed.drawn[name]


def _drawn(name: str, observed: Observed) -> Array | None:
    if observed.places is None:
        if name != "first_token":
            return None
        found = np.zeros(observed.visible.shape[1:], dtype=bool)
        found[:, 0] = True
    else:
        found = PATTERNS[name].cells(*observed.places, observed.queries, observed.keys)
    return found if (found & observed.visible).any() else None
