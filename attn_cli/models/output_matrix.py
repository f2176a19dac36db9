"""W_O of a checkpoint's layers, read on demand."""

import numpy as np

from attn_cli.errors import SelectionError
from attn_cli.models.model import Model
from attn_cli.models.network.forward import WeightSource
from attn_cli.models.network.slots import BEFORE_HEADS, unknown_slot
from attn_cli.sources.output_matrix import HeadOutputMatrix, OutputMatrixOf
from attn_cli.trace.trace import Layer

KNOWN = BEFORE_HEADS | {"residual_scale"}
"""The slots of a plan for which the output is heads · W_O, times residual_scale, with or without a norm."""


def writes_of_model(model: Model) -> OutputMatrixOf:
    """W_O of each layer by head, in float64, read one layer at a time; SelectionError if a layer does more than W_O."""

    def writes(layer: Layer) -> HeadOutputMatrix:
        named = (stack for stack in model.architecture.stacks if layer.name.startswith(f"{stack.name}."))
        stack = next(named, model.architecture.stacks[0])
        plan = stack.layers[layer.index]
        cross = layer.kind == "cross"
        if (slot := unknown_slot(plan, KNOWN)) is not None:
            raise SelectionError(
                f"W_O alone does not describe the output of {layer.name}, which has {slot}",
                hint="--aggregate mean, max and rollout need weights alone",
            )
        matrix = (
            WeightSource(model.tensors, stack.names, model.prefix)
            .layer(layer.index)
            .matrix("cross_o" if cross else "o")
        )
        by_head = matrix.T.astype(np.float64).reshape(plan.heads, plan.d_v, -1)
        return HeadOutputMatrix(by_head, plan.residual_scale, normed="after_attention" in plan.norms and not cross)

    return writes
