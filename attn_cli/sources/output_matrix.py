"""W_O by head, from a document or a trace: how heads write to the residual stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.core.ops import join_heads
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.trace.trace import Array, Layer, Trace


@dataclass(frozen=True, eq=False)
class HeadOutputMatrix:
    """W_O by head (head, d_v, d_out), for all heads of the layer.

    `scale` multiplies the output before it is added to the residual stream; `normed` says that a norm comes between.
    """

    matrix: Array
    scale: float = 1.0
    normed: bool = False

    def written(self, values: Array, heads: Sequence[int]) -> Array:
        """v_j · W_O of each of these heads (head, key, d_out), for their values (head, key, d_v)."""
        written: Array = values @ self.matrix[list(heads)]
        return written


OutputMatrixOf = Callable[[Layer], HeadOutputMatrix | None]
"""The output matrix of a layer, None if its source does not contain W_O."""


def writes_of(source: Trace | Parameters) -> OutputMatrixOf:
    """The output matrix of each layer: the document's W_O, or the identity if the output is the joined heads."""
    matrix = None if isinstance(source, Trace) else source.projections.W_O

    def writes(layer: Layer) -> HeadOutputMatrix | None:
        if matrix is not None:
            by_head = matrix.astype(np.float64).reshape(layer.heads, -1, matrix.shape[1])
            return HeadOutputMatrix(by_head)
        if len(layer.head_index) != layer.heads or not is_side_by_side(layer):
            return None
        width = layer["head_output"].shape[2]
        return HeadOutputMatrix(np.eye(layer.heads * width).reshape(layer.heads, width, -1))

    return writes


def is_side_by_side(layer: Layer) -> bool:
    """Whether the output is the heads side by side, so that W_O is the identity."""
    if "output" not in layer or "head_output" not in layer:
        return False
    return np.array_equal(layer["output"], join_heads(layer["head_output"]), equal_nan=True)
