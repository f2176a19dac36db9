"""One layer of a model: norms, attention through the core's steps, feed-forward, residuals."""

from dataclasses import dataclass

import numpy as np

from attn_cli.core.attention import weigh
from attn_cli.core.masks import NoMask
from attn_cli.core.ops import join_heads, split_heads
from attn_cli.core.parts import record_parts
from attn_cli.core.record import Record, by
from attn_cli.core.spec import Extras, Spec
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.network.products import linear
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Run:
    """What a layer of attention works on: its plan and weights, where queries and keys stand, and a bias if given.

    `context` (key, d_model) is what is looked at in cross-attention, None for x itself.
    """

    plan: LayerPlan
    weights: Weights
    queries: Array
    keys: Array
    bias: Array | None = None
    context: Array | None = None
    side: str = ""


def attention(record: Record, run: Run, x: Array) -> Array:
    """x (query, d_model) to the output (query, d_model), each stage recorded; `record` must keep the output."""
    plan = run.plan
    normed = x is not record.known["residual"]
    x = record.add("X", x, f"X = norm(residual)   {by(x)}" if normed else f"X = residual   {by(x)}")
    looked = x if run.context is None else run.context
    if run.context is not None:
        looked = record.add("X_context", looked, "X_context = what the encoder made")
    _project(record, run, x, looked)
    if plan.qk_norm is not None and not plan.qk_norm.after_rotation:
        _norm_heads(record, run)
    _rotate(record, run)
    if plan.qk_norm is not None and plan.qk_norm.after_rotation:
        _norm_heads(record, run)
    spec, extras = spec_of(plan, cross=run.context is not None), _extras(record, run)
    shape = (plan.heads, len(x), len(looked))
    places = {"Q": run.queries, "K": run.keys}
    weigh(record, spec, extras, shape, places)
    record_parts(record, spec, extras, {}, places)
    if "head_output" not in record.known:
        return x  # nobody asked for it, and nothing comes after
    joined = join_heads(record.known["head_output"])
    output = run.weights.apply(run.side + "o", joined)
    output = record.add("output", output, f"output = heads side by side · W_O   {by(joined)} → {by(output)}")
    record.check_edits()
    return output


def spec_of(plan: LayerPlan, *, cross: bool = False) -> Spec:
    """The settings of a layer; positions and biases act elsewhere, and nothing is hidden from cross-attention."""
    return Spec(
        heads=plan.heads,
        kv_heads=plan.kv_heads,
        mask=NoMask() if cross else plan.mask,
        scale=plan.scale,
        softcap=plan.softcap,
        dtype="float32",
        temperature=plan.temperature,
    )


def _project(record: Record, run: Run, x: Array, looked: Array) -> None:
    plan = run.plan
    if plan.projecting is not None:
        for name, (array, formula) in plan.projecting(run.weights, x).items():
            record.add(name, array, formula)
        return
    shapes = {"Q": (plan.heads, plan.d_k), "K": (plan.kv_heads, plan.d_k), "V": (plan.kv_heads, plan.d_v)}
    maps = {name: run.weights.linear(run.side + name.lower()) for name in shapes}
    made = linear(x, *maps.values()) if x is looked else [*linear(x, maps["Q"]), *linear(looked, maps["K"], maps["V"])]
    for (name, (heads, width)), projected in zip(shapes.items(), made, strict=True):
        run.weights.check_heads(run.side + name.lower(), projected, heads, width)
        if plan.clip is not None:
            np.clip(projected, -plan.clip, plan.clip, out=projected)
        left, source = ("X", x) if name == "Q" or run.context is None else ("X_context", looked)
        bias = f" + b_{name}" if maps[name].bias is not None else ""
        by_shape = f"{by(source)} → {by(projected)}"
        array = split_heads(projected, heads)
        formula = f"{name} = {left} · W_{name}{bias}   {by_shape}, {heads} heads of {by(array[0])}"
        if name == "Q" and plan.query_scaling is not None and plan.rotary is None:
            array, formula = plan.query_scaling(array, run.queries, formula)
        record.add(name, array, formula)


def _norm_heads(record: Record, run: Run) -> None:
    qk_norm = run.plan.qk_norm
    assert qk_norm is not None
    for name in "QK":
        before = record.known[record.matched(name) or name]
        module = f"{run.side}{name.lower()}_norm"
        if qk_norm.over == "head":
            normed = np.stack([run.weights.normed(qk_norm.norm, module, head) for head in before])
        elif qk_norm.over == "each":
            places = map(run.weights.expert, range(len(before)))
            normed = np.stack(
                [own.normed(qk_norm.norm, module, head) for own, head in zip(places, before, strict=True)]
            )
        else:
            normed = split_heads(run.weights.normed(qk_norm.norm, module, join_heads(before)), len(before))
        record.add(
            f"{name}_normed", normed.astype(np.float32, copy=False), f"{name}_normed = norm({name})   {by(normed[0])}"
        )


def _rotate(record: Record, run: Run) -> None:
    if run.plan.rotary is None or run.context is not None:
        return
    for name, positions in (("Q", run.queries), ("K", run.keys)):
        before = record.matched(name) or name
        turned = run.plan.rotary(record.known[before], positions)
        formula = f"{name}_rotated = rotate({before}, position)   {by(turned[0])}"
        if name == "Q" and run.plan.query_scaling is not None:
            turned, formula = run.plan.query_scaling(turned, positions, formula)
        record.add(f"{name}_rotated", turned, formula)


def _extras(record: Record, run: Run) -> Extras:
    plan = run.plan
    bias, words = run.bias, ["relative bias"]
    if plan.disentangled is not None and run.context is None:
        bias = plan.disentangled(run.weights, record.known["Q"], record.known["K"], run.queries, run.keys)
    if plan.slopes is not None and run.context is None:
        distance = np.abs(run.queries[:, np.newaxis] - run.keys)
        away = (-plan.slopes(plan.heads)[:, np.newaxis, np.newaxis] * distance).astype(np.float32)
        words = ["ALiBi"] if bias is None else [*words, "ALiBi"]
        bias = away if bias is None else bias + away
    sinks = run.weights.find("sinks") if plan.sinks else None
    return Extras(bias=bias, bias_words=" + ".join(words), sinks=None if sinks is None else sinks.copy())
