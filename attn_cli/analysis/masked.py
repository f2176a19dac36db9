"""Masked cells: the queries and keys between which a layer allows no attention, whatever their weights."""

from dataclasses import replace

import numpy as np

from attn_cli.core.spec import parse_mask
from attn_cli.trace.trace import Array, Layer, Trace, frozen


def masked_cells(layer: Layer) -> Array | None:
    """True at masked cells (head or 1, query, key); None if nothing is masked, or the trace does not tell.

    The stage `masked` decides, else the layer's mask.
    """
    if "masked" in layer:
        hidden = np.isneginf(layer["masked"])
    else:
        visible = parse_mask(layer.settings.mask).visible(slice(None), len(layer.query_tokens), len(layer.key_tokens))
        if visible is None:
            return None
        hidden = ~visible[np.newaxis]
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
