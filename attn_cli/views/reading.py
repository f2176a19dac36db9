"""The weights in words: which share of its attention each token gives to which."""

from collections.abc import Iterator

import numpy as np

from attn_cli.trace.trace import Array, Layer
from attn_cli.views.text import labels

TOKENS_READ = 12
KEYS_READ = 3


def reading(layer: Layer) -> Iterator[str]:
    """Sentences for the first tokens of each head, the most attended key first."""
    queries, keys = labels(layer.query_tokens), labels(layer.key_tokens)
    own = len(keys) - len(queries)
    for place, head in enumerate(layer.head_index):
        if layer.heads > 1:
            yield f"Head {head}:"
        weights = layer["weights"][place]  # (query, key)
        for query in range(min(len(queries), TOKENS_READ)):
            yield f'"{queries[query]}" {_shares(weights[query], keys, own + query)}'
        if len(queries) > TOKENS_READ:
            yield f"… and {len(queries) - TOKENS_READ:,} more tokens"


def _shares(row: Array, keys: tuple[str, ...], own: int) -> str:
    """One row in words, hidden and lesser keys summed up."""
    if not np.isfinite(row).all():
        return "has no attention that can be read: its weights are not numbers."
    if not row.any():
        return "sees no key: it gives no attention."
    order = np.argsort(-row, kind="stable")[:KEYS_READ]
    order = order[row[order] > 0]
    named = ["itself" if key == own else f'"{keys[key]}"' for key in order]
    percent = [f"{_percent(row[key])} to {name}" for key, name in zip(order, named, strict=True)]
    first = percent[0].replace(" to ", " of its attention to ", 1)
    left = np.count_nonzero(row) - len(order)
    rest = [f"{_percent(row.sum() - row[order].sum())} to {left:,} others"] if left > 0 else []
    return "gives " + ", ".join([first, *percent[1:], *rest]) + f"; most to {named[0]}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "under 1 %"
