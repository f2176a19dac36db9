"""W_O of a checkpoint's layers, read when it is asked for."""

import numpy as np

from attn_cli.core.output_matrix import HeadOutputMatrix, OutputMatrixOf
from attn_cli.models.model import Model
from attn_cli.models.network.forward import WeightSource
from attn_cli.trace.trace import Layer


def writes_of_model(model: Model) -> OutputMatrixOf:
    """How each layer of a model writes; the matrix of one layer at a time is read, in float64."""

    def writes(layer: Layer) -> HeadOutputMatrix:
        named = (stack for stack in model.architecture.stacks if layer.name.startswith(f"{stack.name}."))
        stack = next(named, model.architecture.stacks[0])
        plan = stack.layers[layer.index]
        cross = layer.kind == "cross"
        matrix = (
            WeightSource(model.tensors, stack.names, model.prefix)
            .layer(layer.index)
            .matrix("cross_o" if cross else "o")
        )
        by_head = matrix.T.astype(np.float64).reshape(plan.heads, plan.d_v, -1)
        return HeadOutputMatrix(by_head, plan.residual_scale, normed="after_attention" in plan.norms and not cross)

    return writes
