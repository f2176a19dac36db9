"""Attention rollout through several layers, and the steps that rollout and flow share (Abnar & Zuidema 2020)."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined, is_causal
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array

ENCODERS = (
    "read it with care under a causal mask: the paper analyzed encoders; here early tokens gain in every layer, "
    "whatever the heads do"
)


def rollout(chosen: Chosen) -> Combined:
    """R = Â_L · … · Â_1: (query of the last layer, token before the first layer)."""
    steps = mixed(chosen)
    matrix = steps[0]
    for step in steps[1:]:
        matrix = step @ matrix
    return Combined(matrix, remarks(chosen, steps))


def mixed(chosen: Chosen) -> list[Array]:
    """Â (query, key) of each layer: half the mean of its heads, half the residual I, each row divided by its sum.

    SelectionError if the layers do not attend from the same tokens to the same tokens.
    """
    _refuse_other_tokens(chosen)
    steps = []
    for weights in chosen.weights():
        step = weights.mean(axis=0) / 2 + np.eye(weights.shape[1]) / 2
        steps.append(step / step.sum(axis=1, keepdims=True))
    return steps


def remarks(chosen: Chosen, steps: list[Array]) -> tuple[str, ...]:
    """Warnings about a causal mask, and about layers that were left out."""
    indices = [layer.index for layer in chosen.layers]
    sentences = [ENCODERS] if all(map(is_causal, steps)) else []
    if indices[0] > 0:
        sentences.append(f"it starts at the input of {chosen.layers[0].name}, not at the embeddings")
    if indices != list(range(indices[0], indices[0] + len(indices))):
        sentences.append("it skips the layers between the chosen ones")
    return tuple(sentences)


def _refuse_other_tokens(chosen: Chosen) -> None:
    first = chosen.layers[0]
    for layer in chosen.layers:
        if layer.kind != "self" or layer.query_tokens != layer.key_tokens or layer.key_tokens != first.key_tokens:
            what = "attends to another text" if layer.query_tokens != layer.key_tokens else "has other tokens"
            raise SelectionError(
                f"{chosen.method} needs the same tokens in every layer, and {layer.name} {what}",
                hint="choose self-attention layers over one text with --layer",
            )
