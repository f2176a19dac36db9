"""Check that a checkpoint has every module of its config, in the right shape, without reading weights."""

from collections.abc import Iterator

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array, shape_words

CONTRADICT = "config.json and the weights contradict each other"
SIDES = ("", "expert_", "shared_")


class Shapes(Tensors):
    """Tensors of the right shapes that take no memory: each is a broadcast zero."""

    def read(self, name: str, slot: str, rows: Array | None = None) -> Array:
        shape = self.tensors[name].shape
        return np.broadcast_to(np.float32(0), shape if rows is None else (len(rows), *shape[1:]))

    def transposed(self, name: str, slot: str) -> Array:
        array = self.read(name, slot)
        return array.T if array.ndim == 2 else array


def header_fault(model: Model) -> DocumentError | None:
    """The first error that would stop a run of the model; None if there is none."""
    shapes = Shapes(model.tensors.tensors)
    try:
        width = model.embedding_shape[1]
        for stack in model.architecture.stacks:
            outside = Weights(shapes, stack.names, model.prefix, None)
            if (inner := outside.find("project_in")) is not None or (
                inner := outside.find("embed_project")
            ) is not None:
                width = inner.shape[0]
            for number, plan in enumerate(stack.layers):
                weights = Weights(shapes, stack.names, model.prefix, number)
                for side in ("", "cross_") if plan.cross else ("",):
                    _check_heads(plan, weights, width, side)
                _check_mlp(stack, weights, width)
                for slot in plan.norms:
                    _check_norm(weights, slot, width)
    except DocumentError as error:
        return error
    return None


def _check_heads(plan: LayerPlan, weights: Weights, width: int, side: str) -> None:
    """DocumentError if heads do not share keys evenly, or if a projection is missing or has another width."""
    if plan.heads % plan.kv_heads:
        raise DocumentError(
            f"{plan.heads} heads cannot share {plan.kv_heads} key/value heads evenly", hint="correct config.json"
        )
    widths = {"q": plan.heads * plan.d_k, "k": plan.kv_heads * plan.d_k, "v": plan.kv_heads * plan.d_v}
    for name, expected in widths.items() if plan.projecting is None else ():
        _check_shape(weights, side + name, (expected, width))
    _check_shape(weights, side + "o", (width, plan.heads * plan.d_v))


def _check_mlp(stack: StackPlan, weights: Weights, width: int) -> None:
    """DocumentError if a layer has no MLP, or one of another width."""
    sides = [side for side in SIDES if f"{side}down" in stack.names and weights.find(f"{side}down") is not None]
    if not sides:
        first = next((side for side in SIDES if f"{side}down" in stack.names), None)
        if first is not None:
            weights.matrix(f"{first}down")  # raises the error that names the module
        return
    for side in sides:
        down = weights.matrix(f"{side}down")
        if down.ndim == 2:
            _check_shape(weights, f"{side}down", (width, down.shape[1]))
            for name in _ups(stack, weights, side):
                _check_shape(weights, f"{side}{name}", (down.shape[1], width))


def _ups(stack: StackPlan, weights: Weights, side: str) -> Iterator[str]:
    """The modules that make the hidden features; a gate only if the checkpoint has one."""
    yield "up"
    if f"{side}gate" in stack.names and weights.find(f"{side}gate") is not None:
        yield "gate"


def _check_shape(weights: Weights, name: str, expected: tuple[int, int]) -> None:
    """DocumentError for a missing matrix, another shape, or a bias of another length."""
    matrix, bias = weights.matrix(name), weights.find(name, "bias")
    if matrix.shape != expected:
        stored, in_config = (shape_words(shape) for shape in (matrix.shape, expected))
        raise DocumentError(f"{weights.named(name)} is {stored}, config.json says {in_config}", hint=CONTRADICT)
    if bias is not None and bias.shape != expected[:1]:
        raise DocumentError(
            f"{weights.named(name)} makes {expected[0]} numbers, and its bias has {bias.size}", hint=CONTRADICT
        )


def _check_norm(weights: Weights, slot: str, width: int) -> None:
    for kind in ("weight", "bias"):
        if (vector := weights.find(slot, kind)) is not None and vector.shape != (width,):
            raise DocumentError(
                f"{weights.named(slot)} has {vector.size} numbers for vectors of width {width}", hint=CONTRADICT
            )
