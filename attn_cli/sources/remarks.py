"""What a reader of a layer should know: stages with NaN or infinities, queries that see nothing."""

import numpy as np

from attn_cli.trace.trace import Layer

ADDED = "special tokens that the tokenizer added: "
"""How the note begins that names them, separated by commas."""


def remarks(layer: Layer) -> list[str]:
    """Notes on what is odd in a layer's numbers."""
    found = []
    for stage in layer.stages:
        odd = ~np.isfinite(stage.array)
        if stage.name == "masked":
            odd &= ~np.isneginf(stage.array)
        if odd.any():
            found.append(f"{stage.name} holds NaN or infinities: numbers too large for {layer.settings.dtype}")
    if "weights" in layer:
        blind_heads = (layer["weights"] == 0).all(axis=2).sum(axis=0)  # for each query
        if (blind := np.flatnonzero(blind_heads)).size:
            who = "1 query sees no key and weighs" if blind.size == 1 else f"{blind.size} queries see no key and weigh"
            where = "" if (blind_heads[blind] == len(layer["weights"])).all() else " in some heads"
            found.append(f"{who} nothing{where}, the first is query {blind[0]}")
    return found
