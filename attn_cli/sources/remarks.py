"""Notes on the numbers of layers: NaN, queries that see no key, weights that do not sum to 1."""

from collections.abc import Sequence

import numpy as np

from attn_cli.trace.trace import Layer

ROUNDING = 0.01
"""The largest distance from 1 of the sum of a row of rounded weights."""
SUMS = "rows of weights do not sum to 1:"
"""The start of the note on rows with another sum."""
ADDED = "special tokens that the tokenizer added: "
"""The start of the note that lists special tokens, separated by commas."""


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


def sums_note(layers: Sequence[Layer]) -> tuple[str, ...]:
    """A note on the row of weights whose sum is furthest from 1; empty if all sums are 1 within rounding."""
    worst, words = ROUNDING, ""
    for layer in layers:
        formulas = {stage.name: stage.formula for stage in layer.stages}
        if "weights" not in layer or "sink" in formulas["weights"]:
            continue
        with np.errstate(all="ignore"):
            sums = layer["weights"].astype(np.float64).sum(axis=-1)  # (head, query)
        if "sink_weight" in layer:
            sums = sums + layer["sink_weight"]
        valid = (layer["weights"] != 0).any(axis=-1) & ~np.isnan(sums)
        distances = np.where(valid, np.abs(sums - 1), 0)
        head, query = (int(index) for index in np.unravel_index(int(distances.argmax()), distances.shape))
        if distances[head, query] > worst:
            worst = float(distances[head, query])
            where = f"{layer.name}, " * (len(layers) > 1) + f"head {layer.head_index[head]}"
            words = f'{where}: the row of "{layer.query_tokens[query]}" sums to {sums[head, query]:.4g}'
    return (f"{SUMS} {words}; attn check says why",) if words else ()
