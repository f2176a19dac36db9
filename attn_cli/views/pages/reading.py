"""The weights in words: how much of its attention each token gives to which other tokens."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from attn_cli.trace.trace import Array, Layer
from attn_cli.views.drawing.text import labels

TOKENS_READ = 12
KEYS_READ = 3


def reading(layer: Layer) -> Iterator[str]:
    """Sentences for the first tokens of each head, the most attended key first."""
    queries, keys = numbered(labels(layer.query_tokens)), numbered(labels(layer.key_tokens))
    offset = 0 if layer.settings.mask == "causal:start" else len(keys) - len(queries)
    for index, head in enumerate(layer.head_index):
        if layer.heads > 1:
            yield f"Head {head}:"
        weights = layer["weights"][index]  # (query, key)
        for query in range(min(len(queries), TOKENS_READ)):
            itself = None if layer.kind == "cross" else offset + query
            sink = float(layer["sink_weight"][index, query]) if "sink_weight" in layer else 0.0
            yield f'"{queries[query]}" {_shares(weights[query], keys, itself, sink)}'
        if len(queries) > TOKENS_READ:
            yield f"… and {len(queries) - TOKENS_READ:,} more tokens"


def numbered(tokens: Sequence[str]) -> tuple[str, ...]:
    """Tokens with a number after each repetition, as `attn why` accepts them: the second `the` is `the#2`."""
    seen: Counter[str] = Counter()
    names = []
    for token in tokens:
        seen[token] += 1
        names.append(token if seen[token] == 1 else f"{token}#{seen[token]}")
    return tuple(names)


def _shares(row: Array, keys: tuple[str, ...], itself: int | None, sink: float) -> str:
    """One row in words, with small weights summed up; `itself` is the key at the query's offset position."""
    if not np.isfinite(row).all():
        return "has no readable attention: its weights are not numbers."
    if not row.any():
        return "sees no key: it gives no attention."
    order = np.argsort(-row, kind="stable")[: np.count_nonzero(row)]
    order = order[: KEYS_READ + 1 if len(order) == KEYS_READ + 1 else KEYS_READ]
    named = ["itself" if key == itself else f'"{keys[key]}"' for key in order]
    percent = [f"{_percent(row[key])} to {name}" for key, name in zip(order, named, strict=True)]
    first = percent[0].replace(" to ", " of its attention to ", 1)
    left = np.count_nonzero(row) - len(order)
    rest = [f"{_percent(row.sum() - row[order].sum())} to {left:,} others"] if left > 0 else []
    rest += [f"{_percent(sink)} to the sink"] if sink else []
    return "gives " + ", ".join([first, *percent[1:], *rest]) + f"; most to {named[0]}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.005 else "under 1%"
