"""The forward pass as a stream: one layer's stages at a time, and nothing after the last one that is looked at."""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.core.attention import Grid, compute, keeping, layer_of
from attn_cli.core.record import Record, by
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.arithmetic import check_alike
from attn_cli.models.network.block import attention_of
from attn_cli.models.network.plan import LayerPlan, Slot, StackPlan
from attn_cli.models.network.weights import Names, Weights
from attn_cli.trace.trace import Array, Layer


class WeightSource(NamedTuple):
    """Where weights come from: a checkpoint's tensors, and a family's names for them."""

    tensors: Tensors
    names: Names
    prefix: str

    def layer(self, number: int | None) -> Weights:
        return Weights(self.tensors, self.names, self.prefix, number)


class EncoderOutput(NamedTuple):
    """What a decoder looks at: the encoder's last state (key, d_model) and its tokens."""

    state: Array
    tokens: tuple[str, ...]


Stream = Generator[Layer, None, Array]

Keep = Collection[str] | Mapping[str, Collection[str]]
"""The stages to keep of every layer, or by the layer's name, none of one that is not named."""


def layers(
    source: WeightSource,
    stack: StackPlan,
    x: Array,
    tokens: Sequence[str],
    keep: Keep,
    looked: EncoderOutput | None = None,
    *,
    first: int = 0,
) -> Stream:
    """Every attention of a stack in its order, each Layer with the stages kept of it; returns the last state.

    With `first`, x is the stream before that layer, and those before it are not run.

    The consumer stops when it has seen enough: what comes after an attention is computed when the next is asked for.
    Damaged weights may make numbers that are none; a trace notes them, and NumPy does not warn of each on its own.
    """
    stream = _layers(source, stack, x, tokens, keep, looked, first)
    while True:
        with np.errstate(all="ignore"):
            try:
                layer = next(stream)
            except StopIteration as end:
                last: Array = end.value
                return last
        yield layer


def _layers(
    source: WeightSource,
    stack: StackPlan,
    x: Array,
    tokens: Sequence[str],
    keep: Keep,
    looked: EncoderOutput | None,
    first: int,
) -> Stream:
    shared: dict[str, Array | None] = {}
    for number, plan in enumerate(stack.layers[first:], start=first):
        name = stack.layer_name(number)
        labels = LayerLabels(name, number, tuple(tokens), looked.tokens if looked else ())
        x = yield from _through(plan, source.layer(number), x, labels, keep, looked, shared)
    weights = source.layer(None)
    if stack.final_norm is not None:
        x = weights.normed(stack.final_norm, "final_norm", x)
    return x if weights.find("project_out") is None else weights.apply("project_out", x)


class LayerLabels(NamedTuple):
    """What a layer is called, and the tokens of its rows; `looked` are those of what it looks at, across."""

    name: str
    number: int
    tokens: tuple[str, ...]
    looked: tuple[str, ...]


def _through(
    plan: LayerPlan,
    weights: Weights,
    x: Array,
    labels: LayerLabels,
    keep: Keep,
    looked: EncoderOutput | None,
    shared: dict[str, Array | None],
) -> Stream:
    """The residual stream (token, d_model) through one layer."""

    def normed(slot: Slot, value: Array) -> Array:
        return weights.normed(plan.norm, slot, value) if slot in plan.norms else value

    def attended(before: Array, *, cross: bool) -> Generator[Layer, None, Array]:
        name = f"{labels.name}.cross" if cross else labels.name
        kept = keep.get(name, ()) if isinstance(keep, Mapping) else keep
        bias = None if cross or plan.relative is None else _bias(plan, weights, np.arange(len(x)), shared)
        attention = attention_of(plan, weights, bias, cross=cross)
        record = Record({}, {*(keeping(kept) or ()), "output"}, plan.cross_edits if cross else plan.edits)
        record.add("residual", x, "")
        record.add("X", before, f"X = {'residual' if before is x else 'norm(residual)'}   {by(before)}")
        keys = np.arange(len(x))
        if cross and looked is not None:
            record.add("X_context", looked.state, "X_context = what the encoder made")
            keys = np.arange(len(looked.state))
        compute(record, attention, lambda _: Grid(plan.heads, np.arange(len(x)), keys))
        output = record.known["output"]
        check_alike(x, output, weights.named("cross_o" if cross else "o"))
        yield layer_of(
            record,
            attention,
            kept,
            query_tokens=labels.tokens,
            key_tokens=labels.looked if cross else labels.tokens,
            cross=cross,
            name=name,
            index=labels.number,
        )
        return output

    def fed(value: Array) -> Array:
        made = plan.mlp(value, weights)
        check_alike(x, made, weights.named("down"))
        return made

    scale = np.float32(plan.residual_scale)
    before = normed("before_attention", x)
    output = yield from attended(before, cross=False)
    added = normed("after_attention", output) * scale
    if plan.parallel:
        return x + added + fed(normed("before_mlp", x) if "before_mlp" in plan.norms else before) * scale
    x = normed("attention_sum", x + added)
    if plan.cross:
        output = yield from attended(normed("before_cross", x), cross=True)
        x = normed("cross_sum", x + output)
    return normed("mlp_sum", x + normed("after_mlp", fed(normed("before_mlp", x))) * scale)


def _bias(plan: LayerPlan, weights: Weights, queries: Array, shared: dict[str, Array | None]) -> Array | None:
    """The layer's relative bias, or that of the first layer where only that one has it."""
    assert plan.relative is not None
    own = plan.relative(weights, queries, queries)
    if own is not None:
        shared["relative"] = own
    return shared.get("relative")
