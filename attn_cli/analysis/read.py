"""read: the share of attention that each token of a text gets from a query, in one head or in the mean of several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.dropping import Dropped, dropped_notes, without
from attn_cli.analysis.finding import position_of
from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.errors import SelectionError
from attn_cli.sources.read import Choose, Gathered
from attn_cli.sources.spacing import bare, gaps
from attn_cli.trace.trace import Array, Trace

EVERY = "all"
"""The query that stands for the mean over all queries."""
SINK = 0.5
"""A first or special token that gets more than this share is a sink."""


@dataclass(frozen=True)
class HeadShare:
    """A head, by the name of its layer and its number, and the key that it gives most, with the key's share."""

    layer: str
    head: int
    key: int
    share: float


@dataclass(frozen=True, eq=False)
class Reading:
    """The share of each key (key), True where it is masked, and what a sink outside of the text took.

    They are means over `heads`. `dropped` are the keys that --drop left out, whose shares are 0.
    """

    heads: tuple[HeadShare, ...]
    shares: Array
    masked: Array
    sink: float | None
    dropped: Dropped | None = None

    @property
    def strongest(self) -> tuple[int, ...]:
        """The keys, those with the largest shares first."""
        return tuple(np.argsort(-np.nan_to_num(self.shares), kind="stable").tolist())


@dataclass(frozen=True, eq=False)
class TextRead:
    """A text as attention reads it: its tokens with the space before each, and one reading for each row of heads.

    `queries` are the queries whose mean is shown, `query_tokens` all of them; `places` are the keys that those queries
    stand on, none in cross-attention.
    """

    trace: Trace
    tokens: tuple[str, ...]
    gaps: tuple[str, ...]
    queries: tuple[int, ...]
    query_tokens: tuple[str, ...]
    places: tuple[int, ...]
    readings: tuple[Reading, ...]

    @property
    def every(self) -> bool:
        """Whether this is the mean over all of several queries."""
        return len(self.queries) > 1

    def is_sink(self, reading: Reading) -> bool:
        """Whether the strongest key is the first or a special token, and gets most of the attention."""
        key = reading.strongest[0]
        is_usual = key == 0 or is_special(self.tokens[key], special_tokens(self.trace))
        return is_usual and int((~reading.masked).sum()) > 1 and bool(reading.shares[key] > SINK)


def choosing(query: str | None) -> Choose:
    """The queries that a user's spelling means: a token, `token#2`, an index, `all`; None is the last query."""

    def choose(tokens: Sequence[str]) -> Sequence[int]:
        if query is None:
            return [len(tokens) - 1]
        if query == EVERY:
            return range(len(tokens))
        return [position_of(bare(query), [bare(token) for token in tokens], "query")]

    return choose


def text_read(gathered: Gathered, *, each: bool = False, drop: Sequence[str] = ()) -> TextRead:
    """The text with its shares: the mean over all heads, or with `each` one reading for each head.

    `drop` names keys to leave out, as `without` takes them; the other shares are rescaled to their sum of 1.
    SelectionError for a query that sees no key.
    """
    trace, first = gathered.trace, gathered.trace.layers[0]
    addresses = [(layer.name, head) for layer in trace.layers for head in layer.head_index]
    weights = np.concatenate([row.weights for row in gathered.rows])
    masked = np.concatenate([row.masked for row in gathered.rows])
    sinks = None
    if all(row.sink is not None for row in gathered.rows):
        sinks = np.concatenate([row.sink for row in gathered.rows if row.sink is not None])
    tokens = first.key_tokens
    if not (weights.any() or (sinks is not None and sinks.any())):
        token = first.query_tokens[gathered.queries[0]]
        raise SelectionError(
            f"query {gathered.queries[0]} ({token!r}) sees no key",
            hint="choose another --query",
        )
    groups = [[at] for at in range(len(addresses))] if each else [list(range(len(addresses)))]
    special = special_tokens(trace)
    readings = []
    for group in groups:
        shares = weights[group].mean(axis=0)
        dropped = without(shares[np.newaxis], tokens, drop, special) if drop else None
        if dropped is not None:
            shares = np.zeros(len(tokens))
            shares[[at for at in range(len(tokens)) if at not in dropped.positions]] = dropped.matrix[0]
        heads = tuple(_strongest(*addresses[at], weights[at]) for at in group)
        sink = None if sinks is None else float(sinks[group].mean())
        readings.append(Reading(heads, shares, np.asarray(masked[group].all(axis=0)), sink, dropped))
    notes = dropped_notes([reading.dropped for reading in readings if reading.dropped is not None]) if drop else []
    offset = first.first_query
    return TextRead(
        trace=trace if not notes else _noted(trace, notes),
        tokens=tokens,
        gaps=gaps(gathered.pieces, gathered.text),
        queries=gathered.queries,
        query_tokens=first.query_tokens,
        places=() if offset is None else tuple(query + offset for query in gathered.queries),
        readings=tuple(readings),
    )


def _strongest(layer: str, head: int, weights: Array) -> HeadShare:
    key = int(np.argmax(np.nan_to_num(weights)))
    return HeadShare(layer, head, key, float(weights[key]))


def _noted(trace: Trace, notes: Sequence[str]) -> Trace:
    from dataclasses import replace

    return replace(trace, notes=(*notes, *trace.notes))
