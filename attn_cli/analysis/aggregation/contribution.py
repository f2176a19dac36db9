"""Contributions to the residual stream (Ferrando & Voita 2024, as the LLM Transparency Tool computes them)."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined
from attn_cli.errors import SelectionError
from attn_cli.sources.output_matrix import HeadOutputMatrix
from attn_cli.trace.trace import Array, Layer

LEAST = 1e-5
"""The smallest contribution of a part, before they are divided by their sum."""


def contribution(chosen: Chosen) -> Combined:
    """Each key's share of the residual stream after attention, summed over heads, averaged over layers.

    The parts of a query's stream y are A_ij f(x_j), one for each key and head, and the stream before attention.
    """
    shares, residuals = [], []
    for layer, heads in zip(chosen.layers, chosen.heads, strict=True):
        _refuse_incomplete(layer)
        all_heads = Chosen(chosen.method, (layer,), (layer.head_index,), chosen.writes)
        (weights,), (written,) = all_heads.weights(), all_heads.written()
        output_matrix = all_heads.output_matrix(layer)
        stream = _stream(layer, output_matrix)
        wanted = [layer.head_index.index(head) for head in heads]
        keys = np.empty(weights.shape[1:])
        rest = np.empty(len(keys))
        for query, y in enumerate(stream):
            parts = weights[:, query, :, np.newaxis] * written * output_matrix.scale  # (head, key, d_out)
            by_head = np.maximum(LEAST, np.abs(y).sum() - np.abs(y - parts).sum(axis=2))
            before = max(LEAST, float(np.abs(y).sum() - np.abs(y - layer["residual"][query]).sum()))
            whole = by_head.sum() + before
            keys[query], rest[query] = by_head[wanted].sum(axis=0) / whole, before / whole
        shares.append(keys)
        residuals.append(rest)
    residual = np.mean(residuals, axis=0)
    return Combined(
        np.mean(shares, axis=0),
        (f"the residual itself: {100 * residual.mean():.0f}%, mean over queries; the picture shows the rest",),
        {"residual": residual.tolist()},
    )


def _stream(layer: Layer, output_matrix: HeadOutputMatrix) -> Array:
    """y (query, d_model): the residual stream after attention, in float64."""
    if output_matrix.normed:
        raise SelectionError(
            f"contribution is undefined for {layer.name}: this model norms the attention output before adding it",
            hint="--aggregate norm shows what heads write before that norm",
        )
    residual, output = layer["residual"].astype(np.float64), layer["output"].astype(np.float64)
    if residual.shape != output.shape:
        raise SelectionError(
            f"contribution adds the output to the residual, and in {layer.name} their widths differ",
            hint="--aggregate norm needs no residual",
        )
    return residual + output * output_matrix.scale


def _refuse_incomplete(layer: Layer) -> None:
    if len(layer.head_index) != layer.heads:
        raise SelectionError(
            f"contribution needs all {layer.heads} heads of {layer.name}, and the trace has {len(layer.head_index)}",
            hint="use the source of the trace (-m or -w) with --head",
        )
