"""why(): the arithmetic of one cell of the attention pattern, or of a whole row."""

from typing import overload

from attn_cli.analysis.library.selection import one_head, one_layer, token_index
from attn_cli.analysis.why import Cell, Row, why_cell, why_row
from attn_cli.trace.trace import Trace


@overload
def why(
    trace: Trace, *, query: int | str, key: int | str, layer: int | str | None = None, head: int | None = None
) -> Cell: ...
@overload
def why(
    trace: Trace, *, query: int | str, key: None = None, layer: int | str | None = None, head: int | None = None
) -> Row: ...
def why(
    trace: Trace,
    *,
    query: int | str,
    key: int | str | None = None,
    layer: int | str | None = None,
    head: int | None = None,
) -> Cell | Row:
    """How a query came to attend to a key: a Cell with every term, or without `key` a Row that ranks all keys.

    `query` and `key` are tokens ("are", "the#2" for the second "the") or indices (0, -1). `layer` (an index or a name)
    and `head` (an index) may be left out where the trace has only one.

    A Cell holds the products q_i · k_i that add up to the score (largest first), the score after each step (scale,
    softcap, bias, mask), softmax's exponential and denominator, the weight, and what the key's value adds to the head's
    output (feature). Scores and weights have no unit; numbers are float64, computed from the stages that the trace
    holds. A part that the trace lacks (no V, no Q) is None.

    Raises SelectionError where the layer, head or token is not there, or where several fit.
    """
    chosen = one_layer(trace, layer)
    number = one_head(chosen, head)
    row = token_index(query, chosen.query_tokens, "query")
    if key is None:
        return why_row(chosen, number, row)
    return why_cell(chosen, number, row, token_index(key, chosen.key_tokens, "key"))
