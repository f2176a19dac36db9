"""The note on stored numbers that do not follow from the stages before them."""

from dataclasses import replace

from attn_cli.analysis.following.expected import Mismatch
from attn_cli.analysis.following.mismatches import mismatches
from attn_cli.trace.trace import Layer, Trace

NOTE = "stored numbers do not follow: "
"""The start of the note."""
MOST = 3
"""The most stages that the note names."""


def follow_noted(trace: Trace) -> Trace:
    """The trace with a note on the stages that do not follow from those before them, where there are any.

    A trace whose notes say so already stays as it is.
    """
    if any(note.startswith(NOTE) for note in trace.notes):
        return trace
    found = [
        f"{_where(trace, layer, head, query, mismatch)}"
        for layer in trace.layers
        for head, query, mismatch in mismatches(layer)
    ]
    if not found:
        return trace
    more = f", and {len(found) - MOST} more stages" if len(found) > MOST else ""
    return replace(trace, notes=(*trace.notes, f"{NOTE}{'; '.join(found[:MOST])}{more}; attn check says why"))


def _where(trace: Trace, layer: Layer, head: int, query: int, mismatch: Mismatch) -> str:
    """One number: `weights 0.5638, where masked gives 0.6738 (head 0, query 1, key 0)`."""
    name = f"{layer.name}, " * (len(trace.layers) > 1)
    place = f"feature {mismatch.feature}" if mismatch.key is None else f"key {mismatch.key}"
    return (
        f"{mismatch.stage} {_digits(mismatch.stored)}, where {mismatch.source} gives {_digits(mismatch.calculated)} "
        f"({name}head {head}, query {query}, {place})"
    )


def _digits(number: float) -> str:
    return f"{number:.4g}".replace("-inf", "−∞").replace("inf", "∞").replace("nan", "NaN")
