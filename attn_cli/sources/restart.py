"""A trace under other settings: the arithmetic starts again at the latest stage before the change."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.core.attention import attend
from attn_cli.core.ops import join_heads
from attn_cli.core.spec import Conditions, Spec, parse_mask, parse_positions, parse_scale
from attn_cli.errors import UsageError
from attn_cli.sources.changes import check_can_act, fresh
from attn_cli.trace.trace import Array, Layer, Stage, Trace, frozen

_ARITHMETIC = {"bfloat16": "float32"}


def restart(trace: Trace, overrides: Mapping[str, Any]) -> Trace:
    """The trace itself where no setting changes, else its layers computed again from the latest stage that holds."""
    layers = tuple(_again(layer, overrides) for layer in trace.layers)
    dropped = any("output" in old and "output" not in new for old, new in zip(trace.layers, layers, strict=True))
    note = "output is left out: the trace does not carry W_O"
    notes = (*trace.notes, note) if dropped and note not in trace.notes else trace.notes
    return replace(trace, layers=layers, notes=notes)


def spec_of(layer: Layer) -> Spec:
    """The settings of a layer as a Spec, for the heads whose arrays it holds; SpecError where one is not understood."""
    old = layer.settings
    root = "Q" in layer and old.scale == 1 / math.sqrt(layer["Q"].shape[2])
    return Spec(
        heads=len(layer.head_index),
        mask=parse_mask(old.mask),
        positions=parse_positions(old.positions),
        scale="sqrt" if root else parse_scale(old.scale),
        softcap=old.softcap,
        dtype=_ARITHMETIC.get(old.dtype, old.dtype),
    )


def _again(layer: Layer, overrides: Mapping[str, Any]) -> Layer:
    before = spec_of(layer)
    after = replace(before, **overrides)
    given = _per_head(layer)
    check_can_act(overrides, given, (), after)
    if before == after:
        return layer
    held = fresh(given, (), before, after)
    conditions = _conditions(layer, held, before)
    tokens = layer.query_tokens if len(layer.query_tokens) > len(layer.key_tokens) else layer.key_tokens
    cross = layer.kind == "cross"
    made = attend(
        layer.query_tokens if cross else tokens,
        held,
        None,
        after,
        conditions=conditions,
        context_tokens=layer.key_tokens if cross else None,
    )
    old = {stage.name: stage for stage in layer.stages}
    stages = [old[stage.name] if stage.name in held else _regrouped(layer, stage) for stage in made.stages]
    if "output" in made and not _side_by_side(layer):
        stages = [stage for stage in stages if stage.name != "output"]
    return replace(layer, stages=tuple(stages), settings=made.settings)


def _per_head(layer: Layer) -> dict[str, Array]:
    """The arrays of a layer, keys and values repeated for each query head that it holds."""
    own, shared = _key_places(layer)
    return {
        stage.name: stage.array[own] if shared and stage.kind.heads == "key heads" else stage.array
        for stage in layer.stages
    }


def _regrouped(layer: Layer, stage: Stage) -> Stage:
    """A stage of repeated keys, once for each key head again."""
    own, shared = _key_places(layer)
    if not shared or stage.kind.heads != "key heads":
        return stage
    return replace(stage, array=frozen(stage.array[[own.index(place) for place in range(len(layer.kv_head_index))]]))


def _key_places(layer: Layer) -> tuple[list[int], bool]:
    """Where each query head's keys stand among those that the layer holds, and whether any are shared."""
    own = [layer.kv_head_index.index(layer.key_head(head)) for head in layer.head_index]
    return own, own != list(range(len(layer.kv_head_index)))


def _conditions(layer: Layer, held: Mapping[str, Array], before: Spec) -> Conditions:
    """What acted on the scores beside the settings, as far as the trace shows it; UsageError where it does not."""
    if "weights" not in held and "sink_weight" in layer:
        raise _not_carried("the sinks")
    if "biased" in layer and "biased" not in held and "weights" not in held:
        raise _not_carried("what was added to the scores")
    if len(layer.head_index) != layer.heads and before.positions.slopes(1) is not None and "biased" not in held:
        raise _not_carried("all heads, which ALiBi needs")
    if "masked" not in layer or "masked" in held:
        return Conditions()
    hidden = np.isneginf(layer["masked"])  # (head, query, key)
    seen = before.mask.visible(slice(None), *hidden.shape[1:])
    # What the mask's own rule does not hide was hidden by an array, and stays so.
    apart = hidden if seen is None else hidden & seen
    return Conditions(hidden=apart if apart.any() else None)


def _not_carried(what: str) -> UsageError:
    return UsageError(
        f"this change cannot act on a trace that does not carry {what}", hint="start from the document that made it"
    )


def _side_by_side(layer: Layer) -> bool:
    """Whether the output is just the heads side by side, so that it can be made without W_O."""
    if "output" not in layer or "head_output" not in layer:
        return False
    return np.array_equal(layer["output"], join_heads(layer["head_output"]), equal_nan=True)
