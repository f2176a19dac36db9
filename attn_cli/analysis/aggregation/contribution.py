"""Contributions to the stream (Ferrando & Voita 2024, as the LLM Transparency Tool computes them)."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made
from attn_cli.core.output_matrix import HeadOutputMatrix
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer

LEAST = 1e-5


def contribution(chosen: Chosen) -> Made:
    """Each key's share of the stream after attention, its heads added up; the mean over layers.

    The parts of a query's y are A_ij f(x_j), one for each key and head, and the residual itself.
    """
    shares, residuals = [], []
    for layer, heads in zip(chosen.layers, chosen.heads, strict=True):
        _refuse_incomplete(layer)
        own = Chosen(chosen.method, (layer,), (layer.head_index,), chosen.writes)
        (weights,), (written,) = own.weights(), own.written()
        writing = own.writing(layer)
        stream = _stream(layer, writing)
        wanted = [layer.head_index.index(head) for head in heads]
        keys = np.empty(weights.shape[1:])
        rest = np.empty(len(keys))
        for query, y in enumerate(stream):
            parts = weights[:, query, :, np.newaxis] * written * writing.scale  # (head, key, d_out)
            by_head = np.maximum(LEAST, np.abs(y).sum() - np.abs(y - parts).sum(axis=2))
            before = max(LEAST, float(np.abs(y).sum() - np.abs(y - layer["residual"][query]).sum()))
            whole = by_head.sum() + before
            keys[query], rest[query] = by_head[wanted].sum(axis=0) / whole, before / whole
        shares.append(keys)
        residuals.append(rest)
    residual = np.mean(residuals, axis=0)
    return Made(
        np.mean(shares, axis=0),
        (f"the residual itself: {100 * residual.mean():.0f} %, mean over queries; the picture has the rest",),
        {"residual": residual.tolist()},
    )


def _stream(layer: Layer, writing: HeadOutputMatrix) -> Array:
    """y (query, d_model): the residual and what attention adds to it, in float64."""
    if writing.normed:
        raise SelectionError(
            f"contribution cannot be told for {layer.name}: this model norms what attention adds to the stream",
            hint="--aggregate norm shows what heads write before that norm",
        )
    residual, output = layer["residual"].astype(np.float64), layer["output"].astype(np.float64)
    if residual.shape != output.shape:
        raise SelectionError(
            f"contribution adds the output to the residual, and in {layer.name} they are not equally wide",
            hint="--aggregate norm needs no residual",
        )
    return residual + output * writing.scale


def _refuse_incomplete(layer: Layer) -> None:
    if len(layer.head_index) != layer.heads:
        raise SelectionError(
            f"contribution needs all {layer.heads} heads of {layer.name}, and there are {len(layer.head_index)}",
            hint="name what the trace was made of, and choose with --head there",
        )
