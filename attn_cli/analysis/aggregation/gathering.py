"""What an aggregation is made of: the chosen layers and heads, and how they write; and what it comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attn_cli.core.output_matrix import HeadOutputMatrix, OutputMatrixOf
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer


@dataclass(frozen=True, eq=False)
class Chosen:
    """Layers with all heads that their source holds, those of them that are wanted, by layer, and how layers write."""

    method: str
    layers: tuple[Layer, ...]
    heads: tuple[tuple[int, ...], ...]
    writes: OutputMatrixOf

    def weights(self) -> Iterator[Array]:
        """The weights (head, query, key) of each layer's wanted heads, in float64."""
        for layer, heads in zip(self.layers, self.heads, strict=True):
            yield layer["weights"][[layer.head_index.index(head) for head in heads]].astype(np.float64)

    def values(self) -> Iterator[Array]:
        """The values (head, key, feature) through which each layer's wanted heads look, in float64."""
        for layer, heads in zip(self.layers, self.heads, strict=True):
            places = [layer.kv_head_index.index(layer.key_head(head)) for head in heads]
            yield layer["V"][places].astype(np.float64)

    def writing(self, layer: Layer) -> HeadOutputMatrix:
        """How the layer writes; SelectionError where the source does not carry W_O."""
        found = self.writes(layer)
        if found is None:
            raise SelectionError(
                f"{self.method} needs W_O, which a trace does not carry",
                hint="name what the trace was made of: a checkpoint with -m, or a document that holds W_O with -w",
            )
        return found

    def written(self) -> Iterator[Array]:
        """What each key's value writes, f(x_j) = v_j · W_O of its head (head, key, d_out), for each layer."""
        for layer, heads, values in zip(self.layers, self.heads, self.values(), strict=True):
            yield values @ self.writing(layer).matrix[list(heads)]


@dataclass(frozen=True, eq=False)
class Made:
    """One matrix (query, key), sentences that must stand beside it, and further figures for scripts."""

    matrix: Array
    remarks: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


def is_causal(weights: Array) -> bool:
    """Whether no query of these weights (…, query, key) looks ahead."""
    return weights.shape[-2] > 1 and not np.triu(weights, 1).any()
