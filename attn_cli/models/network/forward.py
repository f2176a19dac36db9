"""The forward pass as a stream of layers, each computed when the consumer asks for it."""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attn_cli.core.attention import Grid, compute, keeping, layer_of
from attn_cli.core.record import Record, by
from attn_cli.core.watching import Watch
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.arithmetic import check_alike
from attn_cli.models.network.block import attention_of
from attn_cli.models.network.plan import LayerPlan, Slot, StackPlan
from attn_cli.models.network.weights import Names, Weights
from attn_cli.trace.trace import Array, Layer


class WeightSource(NamedTuple):
    """The source of weights: a checkpoint's tensors, and a family's names for them."""

    tensors: Tensors
    names: Names
    prefix: str

    def layer(self, number: int | None) -> Weights:
        """The weights of a layer, or with None those outside of layers."""
        return Weights(self.tensors, self.names, self.prefix, number)


class EncoderOutput(NamedTuple):
    """The encoder's last state (key, d_model) and its tokens, which cross-attention reads."""

    state: Array
    tokens: tuple[str, ...]


Stream = Generator[Layer, None, Array]

Keep = Collection[str] | Mapping[str, Collection[str]]
"""The stages to keep: for every layer, or per layer name (unnamed layers keep none)."""

Watching = Mapping[str, Watch]
"""What is shown the scores of an attention, by the attention's name."""


def layers(
    source: WeightSource,
    stack: StackPlan,
    x: Array,
    tokens: Sequence[str],
    keep: Keep,
    context: EncoderOutput | None = None,
    *,
    first: int = 0,
    watch: Watching | None = None,
) -> Stream:
    """Yield every attention of a stack as a Layer with its kept stages; return the last state (token, d_model).

    x (token, d_model) is the residual stream before layer `first`. A layer is computed only when the consumer asks for
    it. Damaged weights may give NaN, which a trace notes; NumPy's warnings are off.
    """
    stream = _layers(source, stack, x, tokens, keep, context, first, watch or {})
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
    context: EncoderOutput | None,
    first: int,
    watch: Watching,
) -> Stream:
    shared: dict[str, Array | None] = {}
    for number, plan in enumerate(stack.layers[first:], start=first):
        name = stack.layer_name(number)
        labels = LayerLabels(name, number, tuple(tokens), context.tokens if context else ())
        x = yield from _through(plan, source.layer(number), x, labels, keep, context, shared, watch)
    weights = source.layer(None)
    if stack.final_norm is not None:
        x = weights.normed(stack.final_norm, "final_norm", x)
    return x if weights.find("project_out") is None else weights.apply("project_out", x)


class LayerLabels(NamedTuple):
    """The name and number of a layer, the tokens of its rows, and the tokens of its cross-attention's keys."""

    name: str
    number: int
    tokens: tuple[str, ...]
    context_tokens: tuple[str, ...]


def _through(
    plan: LayerPlan,
    weights: Weights,
    x: Array,
    labels: LayerLabels,
    keep: Keep,
    context: EncoderOutput | None,
    shared: dict[str, Array | None],
    watch: Watching,
) -> Stream:
    """Run the residual stream (token, d_model) through one layer."""

    def normed(slot: Slot, value: Array) -> Array:
        return weights.normed(plan.norm, slot, value) if slot in plan.norms else value

    def attended(before: Array, *, cross: bool) -> Generator[Layer, None, Array]:
        name = f"{labels.name}.cross" if cross else labels.name
        kept_stages = keep.get(name, ()) if isinstance(keep, Mapping) else keep
        bias = None if cross or plan.relative is None else _bias(plan, weights, np.arange(len(x)), shared)
        attention = attention_of(plan, weights, bias, cross=cross)
        edits = plan.cross_edits if cross else plan.edits
        record = Record({}, {*(keeping(kept_stages) or ()), "output"}, edits, watch.get(name))
        record.add("residual", x, "")
        record.add("X", before, f"X = {'residual' if before is x else 'norm(residual)'}   {by(before)}")
        keys = np.arange(len(x))
        if cross and context is not None:
            record.add("X_context", context.state, "X_context = what the encoder made")
            keys = np.arange(len(context.state))
        compute(record, attention, lambda _: Grid(plan.heads, np.arange(len(x)), keys))
        output = record.known["output"]
        check_alike(x, output, weights.named("cross_o" if cross else "o"))
        yield layer_of(
            record,
            attention,
            kept_stages,
            query_tokens=labels.tokens,
            key_tokens=labels.context_tokens if cross else labels.tokens,
            cross=cross,
            name=name,
            index=labels.number,
        )
        return output

    def fed(value: Array) -> Array:
        output = plan.mlp(value, weights)
        check_alike(x, output, weights.named("down"))
        return output

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
    """The layer's relative position bias, or that of the first layer if only that one has weights for it."""
    assert plan.relative is not None
    bias = plan.relative(weights, queries, queries)
    if bias is not None:
        shared["relative"] = bias
    return shared.get("relative")
