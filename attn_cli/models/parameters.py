"""One layer of a checkpoint on a text as parameters: its matrices, and the vectors that enter it."""

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
"""What of a plan acts before attention or after it."""
SAID = frozenset(
    (
        *("heads", "kv_heads", "d_k", "d_v", "mask", "scale", "softcap", "sinks"),
        *("rotary", "alibi", "relative", "qk_norm", "clip", "query_scaling"),
    )
)
"""What of a plan a document has a key for."""
UNSAID = {
    "projecting": "keys and values made of a compressed vector",
    "temperature": "a temperature",
    "disentangled": "scores that weigh content against distance",
}


@dataclass(frozen=True, eq=False)
class ChosenAttention:
    """One attention of a model: where it stands, and its weights, whose names begin with `side`."""

    name: str
    stack: StackPlan
    number: int
    weights: Weights
    side: str

    @property
    def plan(self) -> LayerPlan:
        return self.stack.layers[self.number]


def layer_parameters(request: ModelRequest, layer: str | None, heads: str | None = None) -> Parameters:
    """What a document needs to do this layer's attention again, all of it or some heads.

    UsageError names what the layer does and a document cannot say.
    """
    model, text, target = open_request(request)
    selection = Selection(layer, heads, layer_names(model.architecture))
    names = selection.layers
    if len(names) != 1:
        raise SelectionError(f"{len(names)} layers are chosen, and a document holds one", hint="choose one: --layer 0")
    found = _found(model, names[0])
    _refuse_unsaid(found.plan, names[0])
    tokens, asked = ((part.raw if request.raw else part.tokens) for part in (text, target))
    keep = {names[0]: ("X", "X_context")}
    for entered in model.stream(text.ids, tokens, keep, target.ids, asked, text.segments):
        if entered.name == names[0]:
            break
    chosen = selection.heads(names[0], found.plan.heads)
    positions, extras = _placed(model, found, entered, chosen)
    qk_norm, weights = _qk_norm(found, chosen)
    extras = replace(extras, **weights)
    spec = replace(found.plan.spec(cross=bool(found.side)), positions=positions, qk_norm=qk_norm)
    if chosen is not None:
        spec = replace(spec, heads=len(chosen), kv_heads=len(chosen))
    given = {"embedded": entered["X"]}
    if found.side:
        given["embedded_context"] = entered["X_context"]
    return Parameters(
        tokens=entered.query_tokens,
        given=given,
        projections=_projections(found, chosen),
        spec=spec,
        extras=extras,
        context_tokens=entered.key_tokens if found.side else None,
    )


def _found(model: Model, name: str) -> ChosenAttention:
    for stack in model.architecture.stacks:
        for number in range(len(stack.layers)):
            layer_name = stack.layer_name(number)
            if name in (layer_name, f"{layer_name}.cross"):
                return ChosenAttention(
                    name, stack, number, model.weights_of(stack, number), "" if name == layer_name else "cross_"
                )
    raise AssertionError(name)


def _refuse_unsaid(plan: LayerPlan, name: str) -> None:
    """UsageError for the first thing that this attention does and a document has no key for."""
    for field in fields(plan):
        if field.name not in AROUND | SAID and getattr(plan, field.name) != field.default:
            raise _unsaid(name, UNSAID.get(field.name, field.name))


def _unsaid(name: str, what: str) -> UsageError:
    return UsageError(
        f"{name} has {what}, which a document cannot say",
        hint="attn explain --json writes its stages, and --set changes one of them",
    )


def _placed(model: Model, found: ChosenAttention, entered: Layer, chosen: list[int] | None) -> tuple[Positions, Extras]:
    """How positions act: by a scheme where there is one that says it, else as a bias on scores."""
    plan, count = found.plan, len(entered["X"])
    heads = slice(None) if chosen is None else chosen
    sinks = found.weights.find("sinks") if plan.sinks else None
    extras = Extras(sinks=None if sinks is None else sinks[heads].copy())
    if found.side:
        return NoPositions(), extras
    places = np.arange(count)
    bias = _relative(model, found, places)
    if plan.alibi and (chosen is not None or bias is not None):
        shape = (plan.heads, count, count)
        inputs = ScoreInputs({}, shape, places, places, "float32")
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


def _relative(model: Model, found: ChosenAttention, places: Array) -> Array | None:
    """The layer's relative bias (head, query, key), or that of the last one before it that has weights for one."""
    if found.plan.relative is None:
        return None
    before = (model.weights_of(found.stack, number) for number in range(found.number, -1, -1))
    made = (found.plan.relative(weights, places, places) for weights in before)
    return next((bias for bias in made if bias is not None), None)


def _rope(rotary: Rotary, width: int, count: int) -> tuple[Rope, Array | None]:
    """The scheme that rotates so many tokens as the layer does, and its frequencies where no base makes them."""
    rope = replace(rotary.scheme, attention_factor=rotary.factor)
    plain = 1 / powers(rope.base, rope.dim or width)
    frequencies = rotary.frequencies(count)
    factor = float(f"{plain[0] / frequencies[0]:.7g}")
    if np.allclose(plain / np.float32(factor), frequencies, rtol=1e-6, atol=0):
        return replace(rope, factor=factor), None
    return Rope(style=rope.style, attention_factor=rope.attention_factor), np.array(frequencies, np.float32)


def _qk_norm(found: ChosenAttention, chosen: list[int] | None) -> tuple[HeadNorm | None, dict[str, Any]]:
    """The norm of queries and keys and its weights; UsageError where it needs more heads than are chosen."""
    plan, qk_norm = found.plan, found.plan.qk_norm
    if qk_norm is None:
        return None, {}
    if qk_norm.over == "all" and chosen is not None:
        raise UsageError(
            f"{found.name} norms queries and keys over all heads at once, and --head chooses some",
            hint="leave --head out: a document holds all heads of this layer",
        )
    weights: dict[str, Any] = {}
    for name, count in (("Q", plan.heads), ("K", plan.kv_heads)):
        heads = range(count) if chosen is None else [head * count // plan.heads for head in chosen]
        for kind, key in (("weight", f"{name}_norm"), ("bias", f"{name}_norm_bias")):
            module = f"{found.side}{name.lower()}_norm"
            own = [found.weights.expert(head).find(module, kind) for head in (heads if qk_norm.over == "each" else [0])]
            arrays = [array for array in own if array is not None]
            if arrays:
                array = np.stack(arrays) if qk_norm.over == "each" else arrays[0]
                plus_one = qk_norm.norm.plus_one and kind == "weight"
                weights[key] = np.array(array + 1 if plus_one else array, np.float32)
    variant = next(variant for variant in QK_NORMS.values() if variant.kind == qk_norm.norm.kind)
    after: Literal["projection", "rotation"] = "rotation" if qk_norm.after_rotation else "projection"
    return variant(qk_norm.norm.eps, qk_norm.over, after), weights


def _projections(found: ChosenAttention, chosen: list[int] | None) -> Projections:
    """The matrices as a document has them, in × out; a chosen head has its own copy of the key head that it shares."""
    plan, made = found.plan, {}
    groups = {"Q": plan.heads, "K": plan.kv_heads, "V": plan.kv_heads}
    for name, count in groups.items():
        own = None if chosen is None else [head * count // plan.heads for head in chosen]
        module = f"{found.side}{name.lower()}"
        made[f"W_{name}"] = _some(found.weights.matrix(module), count, own).T
        if (bias := found.weights.find(module, "bias")) is not None:
            made[f"b_{name}"] = _some(bias, count, own)
    made["W_O"] = _some(found.weights.matrix(f"{found.side}o").T, plan.heads, chosen)
    if (bias := found.weights.find(f"{found.side}o", "bias")) is not None:
        made["b_O"] = bias
    return Projections(**{name: np.array(array, np.float32, order="C") for name, array in made.items()})


def _some(array: Array, heads: int, chosen: list[int] | None) -> Array:
    """The rows (head · feature, …) of some heads."""
    if chosen is None:
        return array
    by_head = array.reshape(heads, -1, *array.shape[1:])[chosen]
    some: Array = by_head.reshape(-1, *array.shape[1:])
    return some
