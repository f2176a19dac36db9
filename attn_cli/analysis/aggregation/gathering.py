"""The input of an aggregation, the chosen layers and heads with their output matrices; and its result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attn_cli.errors import SelectionError
from attn_cli.sources.output_matrix import HeadOutputMatrix, OutputMatrixOf
from attn_cli.trace.trace import Array, Layer


@dataclass(frozen=True, eq=False)
class Chosen:
    """Layers with all heads of their source, the chosen heads of each layer, and where to get each layer's W_O."""

    method: str
    layers: tuple[Layer, ...]
    heads: tuple[tuple[int, ...], ...]
    writes: OutputMatrixOf

    def weights(self) -> Iterator[Array]:
        """The weights (head, query, key) of each layer's chosen heads, in float64."""
        for layer, heads in zip(self.layers, self.heads, strict=True):
            yield layer["weights"][[layer.head_index.index(head) for head in heads]].astype(np.float64)

    def values(self) -> Iterator[Array]:
        """The values (head, key, feature) of each layer's chosen heads, in float64; grouped heads share theirs."""
        for layer, heads in zip(self.layers, self.heads, strict=True):
            indices = [layer.kv_head_index.index(layer.key_head(head)) for head in heads]
            yield layer["V"][indices].astype(np.float64)

    def output_matrix(self, layer: Layer) -> HeadOutputMatrix:
        """W_O of the layer, head by head; SelectionError if the source has none."""
        matrix = self.writes(layer)
        if matrix is None:
            raise SelectionError(
                f"{self.method} needs W_O, which a trace does not contain",
                hint="use the source of the trace: a checkpoint with -m, or a document that contains W_O with -w",
            )
        return matrix

    def written(self) -> Iterator[Array]:
        """f(x_j) = v_j · W_O of the head (head, key, d_out) for each layer: what a key's value adds to the output."""
        for layer, heads, values in zip(self.layers, self.heads, self.values(), strict=True):
            yield self.output_matrix(layer).written(values, heads)


@dataclass(frozen=True, eq=False)
class Combined:
    """One matrix (query, key), remarks that belong beside it, and further figures for scripts."""

    matrix: Array
    remarks: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def is_causal(weights: Array) -> bool:
    """Whether no query of these weights (…, query, key) attends to a later key."""
    return weights.shape[-2] > 1 and not np.triu(weights, 1).any()
