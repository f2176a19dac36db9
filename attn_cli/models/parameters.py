"""One layer of a checkpoint on a text as parameters: its matrices and its input vectors."""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from attn_cli.core.attention import Projections
from attn_cli.core.biases import terms_of
from attn_cli.core.norms import QK_NORMS, HeadNorm
from attn_cli.core.positions import Alibi, NoPositions, Positions, Rope
from attn_cli.core.spec import Extras
from attn_cli.core.steps import ScoreInputs, whole
from attn_cli.errors import SelectionError, UsageError
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.rotary import Rotary, powers
from attn_cli.models.network.weights import Weights
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.selection import Selection
from attn_cli.trace.trace import Array, Layer

AROUND = frozenset(("norm", "norms", "mlp", "parallel", "residual_scale", "cross"))
"""The slots of a plan that act before or after attention."""
SAID = frozenset(
    (
        *("heads", "kv_heads", "d_k", "d_v", "mask", "scale", "softcap", "sinks"),
        *("rotary", "alibi", "relative", "qk_norm", "clip", "query_scaling"),
    )
)
"""The slots of a plan that a document can express."""
UNSAID = {
    "projecting": "keys and values made of a compressed vector",
    "temperature": "a temperature",
    "disentangled": "scores that weigh content against distance",
}
"""Slots that a document cannot express, in words."""


@dataclass(frozen=True, eq=False)
class ChosenAttention:
    """One attention of a model: its stack and layer number, and its weights, whose names begin with `side`."""

    name: str
    stack: StackPlan
    number: int
    weights: Weights
    side: str

    @property
    def plan(self) -> LayerPlan:
        """The plan of its layer."""
        return self.stack.layers[self.number]


def layer_parameters(request: ModelRequest, layer: str | None, heads: str | None = None) -> Parameters:
    """The parameters that reproduce this layer's attention in a document, for all heads or some.

    UsageError names a feature of the layer that a document cannot express.
    """
    model, text, target = open_request(request)
    selection = Selection(layer, heads, layer_names(model.architecture))
    names = selection.layers
    if len(names) != 1:
        raise SelectionError(f"{len(names)} layers are chosen, and a document holds one", hint="choose one: --layer 0")
    attention = _attention_named(model, names[0])
    _refuse_unsaid(attention.plan, names[0])
    tokens, target_tokens = ((part.raw if request.raw else part.tokens) for part in (text, target))
    keep = {names[0]: ("X", "X_context")}
    for layer_stages in model.stream(text.ids, tokens, keep, target.ids, target_tokens, text.segments):
        if layer_stages.name == names[0]:
            break
    chosen = selection.heads(names[0], attention.plan.heads)
    positions, extras = _placed(model, attention, layer_stages, chosen)
    qk_norm, weights = _qk_norm(attention, chosen)
    extras = replace(extras, **weights)
    spec = replace(attention.plan.spec(cross=bool(attention.side)), positions=positions, qk_norm=qk_norm)
    if chosen is not None:
        spec = replace(spec, heads=len(chosen), kv_heads=len(chosen))
    given = {"embedded": layer_stages["X"]}
    if attention.side:
        given["embedded_context"] = layer_stages["X_context"]
    return Parameters(
        tokens=layer_stages.query_tokens,
        given=given,
        projections=_projections(attention, chosen),
        spec=spec,
        extras=extras,
        context_tokens=layer_stages.key_tokens if attention.side else None,
    )


def _attention_named(model: Model, name: str) -> ChosenAttention:
    for stack in model.architecture.stacks:
        for number in range(len(stack.layers)):
            layer_name = stack.layer_name(number)
            if name in (layer_name, f"{layer_name}.cross"):
                return ChosenAttention(
                    name, stack, number, model.weights_of(stack, number), "" if name == layer_name else "cross_"
                )
    raise AssertionError(name)


def _refuse_unsaid(plan: LayerPlan, name: str) -> None:
    """UsageError for the first slot of the plan that a document cannot express."""
    for field in fields(plan):
        if field.name not in AROUND | SAID and getattr(plan, field.name) != field.default:
            raise _unsaid(name, UNSAID.get(field.name, field.name))


def _unsaid(name: str, feature: str) -> UsageError:
    return UsageError(
        f"{name} has {feature}, which a document cannot say",
        hint="attn explain --json writes its stages, and --set changes one of them",
    )


def _placed(
    model: Model, attention: ChosenAttention, layer_stages: Layer, chosen: list[int] | None
) -> tuple[Positions, Extras]:
    """The position scheme, or its effect as a bias on scores if no scheme expresses it."""
    plan, count = attention.plan, len(layer_stages["X"])
    heads = slice(None) if chosen is None else chosen
    sinks = attention.weights.find("sinks") if plan.sinks else None
    extras = Extras(sinks=None if sinks is None else sinks[heads].copy())
    if attention.side:
        return NoPositions(), extras
    positions = np.arange(count)
    bias = _relative(model, attention, positions)
    if plan.alibi and (chosen is not None or bias is not None):
        shape = (plan.heads, count, count)
        inputs = ScoreInputs({}, shape, positions, positions, "float32")
        (alibi,) = terms_of(plan.spec())
        added = alibi.at(inputs)(whole(shape))
        bias = added if bias is None else bias + added
    elif plan.alibi:
        return Alibi(), extras
    extras = replace(extras, bias=None if bias is None else bias[heads])
    if plan.rotary is None:
        return NoPositions(), extras
    rope, frequencies = _rope(plan.rotary, plan.d_k, count)
    return rope, replace(extras, rotary_frequencies=frequencies)


def _relative(model: Model, attention: ChosenAttention, positions: Array) -> Array | None:
    """The relative position bias (head, query, key) of the layer, or of the last layer before it with such weights."""
    if attention.plan.relative is None:
        return None
    before = (model.weights_of(attention.stack, number) for number in range(attention.number, -1, -1))
    biases = (attention.plan.relative(weights, positions, positions) for weights in before)
    return next((bias for bias in biases if bias is not None), None)


def _rope(rotary: Rotary, width: int, count: int) -> tuple[Rope, Array | None]:
    """The scheme that rotates `count` tokens like the layer, with frequencies if no base expresses them."""
    rope = replace(rotary.scheme, attention_factor=rotary.factor)
    plain = 1 / powers(rope.base, rope.dim or width)
    frequencies = rotary.frequencies(count)
    factor = float(f"{plain[0] / frequencies[0]:.7g}")
    if np.allclose(plain / np.float32(factor), frequencies, rtol=1e-6, atol=0):
        return replace(rope, factor=factor), None
    return Rope(style=rope.style, attention_factor=rope.attention_factor), np.array(frequencies, np.float32)


def _qk_norm(attention: ChosenAttention, chosen: list[int] | None) -> tuple[HeadNorm | None, dict[str, Any]]:
    """The QK-norm and its weights; UsageError if it needs all heads and only some are chosen."""
    plan, qk_norm = attention.plan, attention.plan.qk_norm
    if qk_norm is None:
        return None, {}
    if qk_norm.over == "all" and chosen is not None:
        raise UsageError(
            f"{attention.name} norms queries and keys over all heads at once, and --head chooses some",
            hint="leave --head out: a document holds all heads of this layer",
        )
    weights: dict[str, Any] = {}
    for name, count in (("Q", plan.heads), ("K", plan.kv_heads)):
        heads = range(count) if chosen is None else [head * count // plan.heads for head in chosen]
        for kind, key in (("weight", f"{name}_norm"), ("bias", f"{name}_norm_bias")):
            module = f"{attention.side}{name.lower()}_norm"
            stored = [
                attention.weights.expert(head).find(module, kind) for head in (heads if qk_norm.over == "each" else [0])
            ]
            arrays = [array for array in stored if array is not None]
            if arrays:
                array = np.stack(arrays) if qk_norm.over == "each" else arrays[0]
                plus_one = qk_norm.norm.plus_one and kind == "weight"
                weights[key] = np.array(array + 1 if plus_one else array, np.float32)
    variant = next(variant for variant in QK_NORMS.values() if variant.kind == qk_norm.norm.kind)
    after: Literal["projection", "rotation"] = "rotation" if qk_norm.after_rotation else "projection"
    return variant(qk_norm.norm.eps, qk_norm.over, after), weights


def _projections(attention: ChosenAttention, chosen: list[int] | None) -> Projections:
    """The matrices of a document, in × out; each chosen head gets a copy of its key head."""
    plan, arrays = attention.plan, {}
    groups = {"Q": plan.heads, "K": plan.kv_heads, "V": plan.kv_heads}
    for name, count in groups.items():
        key_heads = None if chosen is None else [head * count // plan.heads for head in chosen]
        module = f"{attention.side}{name.lower()}"
        arrays[f"W_{name}"] = _rows_of(attention.weights.matrix(module), count, key_heads).T
        if (bias := attention.weights.find(module, "bias")) is not None:
            arrays[f"b_{name}"] = _rows_of(bias, count, key_heads)
    arrays["W_O"] = _rows_of(attention.weights.matrix(f"{attention.side}o").T, plan.heads, chosen)
    if (bias := attention.weights.find(f"{attention.side}o", "bias")) is not None:
        arrays["b_O"] = bias
    return Projections(**{name: np.array(array, np.float32, order="C") for name, array in arrays.items()})


def _rows_of(array: Array, heads: int, chosen: list[int] | None) -> Array:
    """The rows (head · feature, …) of the chosen heads; all if None."""
    if chosen is None:
        return array
    by_head = array.reshape(heads, -1, *array.shape[1:])[chosen]
    rows: Array = by_head.reshape(-1, *array.shape[1:])
    return rows
