"""Notes on a layer's numbers: stages with NaN or infinities, queries that see no key."""

import numpy as np

from attn_cli.trace.trace import Layer

ADDED = "special tokens that the tokenizer added: "
"""The start of the note that names them, separated by commas."""


def remarks(layer: Layer) -> list[str]:
    """Notes on NaN, infinities and queries that see no key."""
    notes = []
    for stage in layer.stages:
        nonfinite = ~np.isfinite(stage.array)
        if stage.name == "masked":
            nonfinite &= ~np.isneginf(stage.array)
        if nonfinite.any():
            notes.append(f"{stage.name} holds NaN or infinities: numbers too large for {layer.settings.dtype}")
    if "weights" in layer:
        blind_heads = (layer["weights"] == 0).all(axis=2).sum(axis=0)  # for each query
        if (blind := np.flatnonzero(blind_heads)).size:
            who = "1 query sees no key and weighs" if blind.size == 1 else f"{blind.size} queries see no key and weigh"
            where = "" if (blind_heads[blind] == len(layer["weights"])).all() else " in some heads"
            notes.append(f"{who} nothing{where}, the first is query {blind[0]}")
    return notes
