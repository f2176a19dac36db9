"""Direct logit attribution: the logits that each component of the residual stream adds at the last position.

After Elhage et al. 2021 (A Mathematical Framework for Transformer Circuits) and nostalgebraist's logit lens. The final
norm is frozen: it divides every component by the number by which it divides the whole stream, so the components add up
to the logit (before a model's softcap).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.errors import SelectionError
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.slots import BEFORE_HEADS, unknown_slot
from attn_cli.models.network.weights import Weights
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Array, Layer

STAGES = ("residual", "head_output", "output")
ROUNDING = 1e-6
"""The largest difference that rounding may leave where nothing was added, as a share of the stream's largest number."""
_SUMS = {"attention_sum", "cross_sum", "mlp_sum"}
_ABLATE = "attn heads --by ablation measures each head's effect on the prediction"
KNOWN = BEFORE_HEADS | {"residual_scale"}
"""The slots of a plan under which each head adds head_output · W_O to the stream."""


@dataclass(frozen=True, eq=False)
class Component:
    """One summand of the stream at the last position: `vector` (d_model) after the frozen final norm.

    `head` is None for a component that no head wrote: the embeddings, a bias, an MLP.
    """

    name: str
    layer: str | None
    head: int | None
    vector: Array


@dataclass(frozen=True, eq=False)
class LogitAttribution:
    """All components, and the logits (token id) that they and the bias add up to, before a softcap."""

    components: tuple[Component, ...]
    bias: Array
    logits: Array
    unembed: Callable[[Array], Array]


def logit_attribution(model: Model, text: Encoded, target: Encoded) -> LogitAttribution:
    """The components of one run; SelectionError for a model whose heads do not write straight into the logits."""
    stack = model.architecture.stacks[-1]
    model.uncapped_logits(np.zeros((1, _width(model, stack)), np.float32))  # an error if this is not a language model
    outside = model.weights_of(stack)
    if any(_SUMS & set(plan.norms) for plan in stack.layers) or outside.find("project_out") is not None:
        raise SelectionError(
            f"{model.folder} norms the stream after each layer (post-norm), so heads do not write into the logits",
            hint=_ABLATE,
        )
    for number, plan in enumerate(stack.layers):
        if (slot := unknown_slot(plan, KNOWN)) is not None:
            raise SelectionError(f"layer {number} of {model.folder} has {slot}: its heads cannot be separated", _ABLATE)
    before_norm, state = _components_before_norm(model, stack, text, target)
    norm = stack.final_norm
    freeze = (lambda vector: vector) if norm is None else norm.frozen_at(state, outside.find("final_norm"))
    components = [replace(component, vector=freeze(component.vector)) for component in before_norm]
    normed = state if norm is None else outside.normed(norm, "final_norm", state[np.newaxis])[0]
    if norm is not None and (bias := outside.find("final_norm", "bias")) is not None and bias.any():
        components.append(Component("final norm's bias", None, None, bias.astype(np.float64)))
    zero = model.uncapped_logits(np.zeros_like(normed[np.newaxis]))

    def unembed(vectors: Array) -> Array:
        logits: Array = model.uncapped_logits(vectors.astype(np.float32)) - zero
        return logits

    return LogitAttribution(tuple(components), zero[0], model.uncapped_logits(normed[np.newaxis])[0], unembed)


def _width(model: Model, stack: StackPlan) -> int:
    return int(model.unembedding_matrix().shape[1]) if model.architecture.unembedding else 1


def _components_before_norm(
    model: Model, stack: StackPlan, text: Encoded, target: Encoded
) -> tuple[list[Component], Array]:
    """The components before the final norm, and their sum, the last state (d_model)."""
    stacks = (*model.architecture.stacks[:-1], replace(stack, final_norm=None))
    open_ended = replace(model, architecture=replace(model.architecture, stacks=stacks))
    stream = open_ended.stream(text.ids, text.tokens, STAGES, target.ids, target.tokens, text.segments)
    components: list[Component] = []
    before: Array | None = None
    while True:
        try:
            layer = next(stream)
        except StopIteration as end:
            state = end.value[-1].astype(np.float64)
            components += _rest(components, before, state)
            return components, state
        if stack.name and not layer.name.startswith(f"{stack.name}."):
            continue
        start = layer["residual"][-1].astype(np.float64)
        first = [Component("embeddings", None, None, start)]
        components += first if before is None else _rest(components, before, start)
        plan, weights = stack.layers[layer.index], model.weights_of(stack, layer.index)
        added = list(_added(layer, plan, weights))
        components += added
        before = start + sum(component.vector for component in added)


def _rest(components: list[Component], before: Array | None, after: Array) -> list[Component]:
    """The component added since the last attention: the MLP of that layer; none if nothing was added."""
    if before is None:
        return []
    vector = after - before
    if abs(vector).max() <= ROUNDING * abs(after).max():
        return []
    layer = components[-1].layer
    return [Component("MLP" if layer is None else f"{address(layer)} MLP", layer, None, vector)]


def _added(layer: Layer, plan: LayerPlan, weights: Weights) -> Iterator[Component]:
    """The vectors that each head of a layer, and W_O's bias, add to the stream at the last position."""
    crosses = layer.kind == "cross"
    output = layer["output"][-1].astype(np.float64)
    matrix = weights.matrix("cross_o" if crosses else "o").astype(np.float64)  # (out, in)
    heads = layer["head_output"][:, -1].astype(np.float64)  # (head, feature)
    width = heads.shape[1]
    written = np.stack([matrix[:, h * width : (h + 1) * width] @ heads[h] for h in range(len(heads))])
    added = output
    if not crosses and "after_attention" in plan.norms:
        added = weights.normed(plan.norm, "after_attention", output[np.newaxis])[0]
        written = plan.norm.frozen_at(output, weights.find("after_attention"))(written)
    scale = 1.0 if crosses else plan.residual_scale
    for head, vector in enumerate(written * scale):
        yield Component(address(layer.name, head), layer.name, head, vector)
    bias = (added - written.sum(axis=0)) * scale
    if weights.find("cross_o" if crosses else "o", "bias") is not None or "after_attention" in plan.norms:
        yield Component(f"{address(layer.name)} bias of W_O", layer.name, None, bias)
