"""The weights in words: the tokens to which each token gives most of its attention."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from attn_cli.trace.trace import Array, Layer
from attn_cli.views.drawing.pictures.percent import percents
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Bars, Block, Prose

ROWS = 12
KEYS = 3
SPREAD = 0.2
"""A row whose largest share is below this is spread out, and is counted instead of printed."""


def reading(layer: Layer, index: int) -> tuple[Block, ...]:
    """One line for each token of a head: a bar for its largest share, then the tokens with the largest shares.

    Rows that are spread out, and rows after the first ROWS, are counted.
    """
    queries, keys = numbered(labels(layer.query_tokens)), numbered(labels(layer.key_tokens))
    weights = np.asarray(layer["weights"][index], dtype=np.float64)
    sinks = layer["sink_weight"][index] if "sink_weight" in layer else np.zeros(len(queries))
    said = [query for query in range(len(queries)) if not 0 < _largest(weights[query]) < SPREAD]
    rows = [
        (
            queries[query],
            _largest(weights[query]),
            _row(weights[query], keys, own_key(layer, query), float(sinks[query])),
        )
        for query in said[:ROWS]
    ]
    return (*([Bars(tuple(rows))] if rows else []), *_rest(len(queries), len(said)))


def _rest(count: int, said: int) -> list[Block]:
    """Sentences about the rows that are not printed."""
    sentences = []
    if said > ROWS:
        sentences.append(f"… and {said - ROWS:,} more row{'s' * (said - ROWS != 1)}")
    if spread := count - said:
        rows = "1 row is" if spread == 1 else f"{spread:,} rows are"
        other = "the other " if said else ""
        sentences.append(f"{other}{rows} spread out (largest share under {100 * SPREAD:.0f}%)")
    return [Prose("; ".join(sentences) + ".", faint=True)] if sentences else []


def most_looked_at(weights: Array, keys: Sequence[str], offset: int | None) -> tuple[str, ...]:
    """The token that each row of weights (query, key) looks at most, empty for a row without attention.

    Query i stands at key i + `offset`, which is called `itself`; None where it stands at none.
    """
    names = numbered(labels(keys))
    tokens = []
    for query, row in enumerate(weights):
        if np.isnan(row).any() or row.max(initial=0) <= 0:
            tokens.append("")
        else:
            largest = int(np.argmax(row))
            tokens.append("itself" if offset is not None and largest == query + offset else names[largest])
    return tuple(tokens)


def own_key(layer: Layer, query: int) -> int | None:
    """The key at a query's own position; None for cross-attention."""
    offset = layer.first_query
    return None if offset is None else query + offset


def numbered(tokens: Sequence[str]) -> tuple[str, ...]:
    """Tokens with a number after each repetition, as `attn why` accepts them: the second `the` is `the#2`."""
    seen: Counter[str] = Counter()
    names = []
    for token in tokens:
        seen[token] += 1
        names.append(token if seen[token] == 1 else f"{token}#{seen[token]}")
    return tuple(names)


def _largest(row: Array) -> float:
    return float(row.max(initial=0)) if np.isfinite(row).all() else 0.0


def _row(row: Array, keys: tuple[str, ...], itself: int | None, sink: float) -> str:
    """One row in words, small weights summed up, in per cent that add up to the sum of the row and its sink."""
    if not np.isfinite(row).all():
        return "its weights are not numbers"
    if not row.any():
        return "sees no key"
    order = np.argsort(-row, kind="stable")[: np.count_nonzero(row)]
    order = order[: KEYS + 1 if len(order) == KEYS + 1 else KEYS]
    others = int(np.count_nonzero(row)) - len(order)
    rest = float(row.sum() - row[order].sum()) if others else 0.0
    shares = [*(float(row[key]) for key in order), rest, sink]
    names = ["itself" if key == itself else keys[key] for key in order]
    names += [f"{others:,} other{'s' * (others != 1)}" if others else "", "the sink" if sink else ""]
    numbers = percents(shares)
    parts = [
        f"{name} {f'{number}%' if number or not share else 'under 1%'}"
        for name, number, share in zip(names, numbers, shares, strict=True)
        if name
    ]
    return ", ".join(parts)
