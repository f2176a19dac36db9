"""Attention through several layers: rollout, and the steps that rollout and flow share (Abnar & Zuidema 2020)."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made, is_causal
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array

ENCODERS = (
    "under a causal mask read it with care: the paper analysed encoders, and here early tokens gain in every layer "
    "whatever the heads do"
)


def rollout(chosen: Chosen) -> Made:
    """R = Â_L … Â_1 (query of the last layer, token before the first)."""
    steps = mixed(chosen)
    matrix = steps[0]
    for step in steps[1:]:
        matrix = step @ matrix
    return Made(matrix, remarks(chosen, steps))


def mixed(chosen: Chosen) -> list[Array]:
    """Â (query, key) of each layer: half the mean of its heads, half the residual I, each row divided by its sum.

    SelectionError where the layers do not lead from tokens to the same tokens.
    """
    _refuse_other_tokens(chosen)
    steps = []
    for weights in chosen.weights():
        step = weights.mean(axis=0) / 2 + np.eye(weights.shape[1]) / 2
        steps.append(step / step.sum(axis=1, keepdims=True))
    return steps


def remarks(chosen: Chosen, steps: list[Array]) -> tuple[str, ...]:
    """What a reader must know of these layers."""
    places = [layer.index for layer in chosen.layers]
    said = [ENCODERS] if all(map(is_causal, steps)) else []
    if places[0] > 0:
        said.append(f"from what comes into {chosen.layers[0].name}, not from the embeddings")
    if places != list(range(places[0], places[0] + len(places))):
        said.append("the layers between those chosen are passed over")
    return tuple(said)


def _refuse_other_tokens(chosen: Chosen) -> None:
    first = chosen.layers[0]
    for layer in chosen.layers:
        if layer.kind != "self" or layer.query_tokens != layer.key_tokens or layer.key_tokens != first.key_tokens:
            what = "looks at other tokens than its own" if layer.query_tokens != layer.key_tokens else "has others"
            raise SelectionError(
                f"{chosen.method} follows the same tokens through every layer, and {layer.name} {what}",
                hint="choose layers of self-attention over one text with --layer",
            )
