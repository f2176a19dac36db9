"""Masked cells: the queries and keys between which a layer allows no attention, whatever their weights."""

from dataclasses import replace

import numpy as np

from attn_cli.core.spec import parse_mask
from attn_cli.trace.trace import Array, Layer, Trace, frozen


def masked_cells(layer: Layer) -> Array | None:
    """True at masked cells (head or 1, query, key); None if nothing is masked, or the trace does not tell.

    The stage `masked` decides, else the layer's mask and the cells that the layer says are hidden.
    """
    if "masked" in layer:
        hidden = np.isneginf(layer["masked"])
        return hidden if hidden.any() else None
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    visible = parse_mask(layer.settings.mask).visible(slice(None), queries, keys)
    hidden = np.zeros((1, queries, keys), dtype=bool) if visible is None else ~visible[np.newaxis]
    if layer.hidden is not None and layer.hidden.shape[-2:] == (queries, keys):
        hidden = hidden | layer.hidden
    return hidden if hidden.any() else None


def marked(trace: Trace) -> Trace:
    """The trace with −∞ at the masked cells of its weights, for pictures; a masked cell that has weight keeps it."""
    return replace(trace, layers=tuple(map(_marked, trace.layers)))


def _marked(layer: Layer) -> Layer:
    hidden = masked_cells(layer) if "weights" in layer else None
    if hidden is None:
        return layer
    stages = tuple(
        replace(stage, array=frozen(np.where(hidden & (stage.array == 0), -np.inf, stage.array)))
        if stage.name == "weights"
        else stage
        for stage in layer.stages
    )
    return replace(layer, stages=stages)
