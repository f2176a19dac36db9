"""HeadOutputMatrix: how the heads of a layer write to the stream, through W_O."""

from collections.abc import Callable
from dataclasses import dataclass

from attn_cli.trace.trace import Array, Layer


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
