"""How the heads of a layer write to the residual stream: W_O, where a document or a trace carries it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_cli.core.ops import join_heads
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.trace.trace import Array, Layer, Trace


@dataclass(frozen=True, eq=False)
class HeadOutputMatrix:
    """W_O by heads (head, d_v, d_out), of all heads that the layer has.

    `scale` multiplies the output before it joins the residual; `normed` says that a norm stands between them.
    """

    matrix: Array
    scale: float = 1.0
    normed: bool = False


OutputMatrixOf = Callable[[Layer], HeadOutputMatrix | None]
"""How a layer's heads write, None where the source of its numbers does not carry W_O."""


def writes_of(found: Trace | Parameters) -> OutputMatrixOf:
    """How each layer writes: through the document's W_O, or as its heads stand side by side."""
    matrix = None if isinstance(found, Trace) else found.projections.W_O

    def writes(layer: Layer) -> HeadOutputMatrix | None:
        if matrix is not None:
            by_head = matrix.astype(np.float64).reshape(layer.heads, -1, matrix.shape[1])
            return HeadOutputMatrix(by_head)
        if not _side_by_side(layer):
            return None
        width = layer["head_output"].shape[2]
        return HeadOutputMatrix(np.eye(layer.heads * width).reshape(layer.heads, width, -1))

    return writes


def _side_by_side(layer: Layer) -> bool:
    """Whether the output is just the heads side by side, so that W_O is the identity."""
    if "output" not in layer or "head_output" not in layer or len(layer.head_index) != layer.heads:
        return False
    return np.array_equal(layer["output"], join_heads(layer["head_output"]), equal_nan=True)
