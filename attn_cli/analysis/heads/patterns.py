"""Patterns: the cells (query, key) that a kind of head attends to, as in TransformerLens's head_detector."""

from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attn_cli.analysis.heads.observed import Observed
from attn_cli.trace.trace import Array


class Pattern(NamedTuple):
    """`cells` gives truth values (query, key), `what` names the keys, `missing` says why a text may have none.

    `remedy` says what to do then.
    """

    what: str
    missing: str
    cells: Callable[[Array, Array, Array, Array], Array]
    remedy: str = "choose another metric"


def _duplicates(query: Array, key: Array, queries: Array, keys: Array) -> Array:
    return np.asarray((keys == queries[:, np.newaxis]) & (key < query))


def _induction(query: Array, key: Array, queries: Array, keys: Array) -> Array:
    """The duplicates, shifted one key to the right: the tokens that followed earlier occurrences of the query."""
    shifted = np.zeros((len(queries), len(keys)), dtype=bool)
    shifted[:, 1:] = _duplicates(query, key, queries, keys)[:, :-1]
    return shifted & (key <= query)


_NO_REPEATS = "this text repeats no token that a query may attend to"
_REPEAT = "give a text with repeated words, or --repeat N with a checkpoint"

PATTERNS = MappingProxyType(
    {
        "previous_token": Pattern(
            "the token before", "there is no token before", lambda query, key, *_: np.asarray(key == query - 1)
        ),
        "duplicate_token": Pattern("earlier occurrences of the same token", _NO_REPEATS, _duplicates, _REPEAT),
        "induction": Pattern(
            "the tokens that followed earlier occurrences of the same token", _NO_REPEATS, _induction, _REPEAT
        ),
        "current_token": Pattern(
            "the token itself", "no query has itself among the keys", lambda query, key, *_: key == query
        ),
        "first_token": Pattern(
            "the first token", "no query may attend to it", lambda query, key, *_: (key == 0) & (query >= 0)
        ),
        "next_token": Pattern(
            "the token after",
            "no query may attend to a later token under this mask",
            lambda query, key, *_: key == query + 1,
        ),
    }
)
"""Every pattern; its function gets the positions of queries (a column) and keys (a row), counted from 0."""


def cells(name: str, observed: Observed) -> Array | None:
    """The pattern's cells (query, key), masked ones included; None if every one of them is masked."""
    if name not in observed.drawn:
        observed.drawn[name] = _drawn(name, observed)
    return observed.drawn[name]


def _drawn(name: str, observed: Observed) -> Array | None:
    if observed.positions is None:
        if name != "first_token":
            return None
        pattern = np.zeros(observed.visible.shape[1:], dtype=bool)
        pattern[:, 0] = True
    else:
        pattern = PATTERNS[name].cells(*observed.positions, observed.queries, observed.keys)
    return pattern if (pattern & observed.visible).any() else None
