"""The strongest head of a query: the one that `attn why` explains unless another is chosen."""

import numpy as np

from attn_cli.analysis.finding import position_of
from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer, Trace


def strongest_head(trace: Trace, query: str | None = None, key: str | None = None) -> tuple[Layer, int]:
    """The layer and the number of the head that gives one key the most of a query's attention, or most to `key`.

    The query is the last one unless named.
    Without `key`, the query itself, special tokens and the first key do not count where the query sees others, for
    most heads of a trained model rest on these. Layers without weights are left out. SelectionError where no layer
    has the query or the key.
    """
    best: tuple[float, Layer, int] | None = None
    failure: SelectionError | None = None
    special = special_tokens(trace)
    for layer in trace.layers:
        if "weights" not in layer:
            continue
        try:
            row = query_of(layer, query)
            chosen = None if key is None else position_of(key, layer.key_tokens, "key")
        except SelectionError as error:  # the decoder's text has other tokens
            failure = error
            continue
        weights = np.nan_to_num(layer["weights"][:, row])
        shares = _largest(layer, weights, row, special) if chosen is None else weights[:, chosen]
        place = int(shares.argmax())
        if best is None or shares[place] > best[0]:
            best = float(shares[place]), layer, layer.head_index[place]
    if best is not None:
        return best[1:]
    if failure is not None:
        raise failure
    return trace.layers[0], trace.layers[0].head_index[0]


def query_of(layer: Layer, spelling: str | None) -> int:
    """The index of a query: the last one unless named. SelectionError if there is none of that name."""
    return len(layer.query_tokens) - 1 if spelling is None else position_of(spelling, layer.query_tokens, "query")


def _largest(layer: Layer, weights: Array, row: int, special: frozenset[str]) -> Array:
    """The largest weight (head) that counts in rows of weights (head, key)."""
    counts = np.array([not is_special(token, special) for token in layer.key_tokens])
    counts[0] = False
    if layer.first_query is not None and 0 <= row + layer.first_query < len(counts):
        counts[row + layer.first_query] = False
    seen = (weights > 0).any(axis=0) & counts
    largest: Array = np.where(seen, weights, -1.0).max(axis=1) if seen.any() else weights.max(axis=1)
    return largest
