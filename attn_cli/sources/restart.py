"""A trace under other settings: the arithmetic starts again at the latest stage before the change."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.core.attention import attend
from attn_cli.core.edits import Edit, SetCell, localised
from attn_cli.core.masks import Mask
from attn_cli.core.ops import join_heads
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions, parse_scale, parse_softcap
from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.changes import ROTATED, check_can_act, still_valid
from attn_cli.sources.remarks import remarks
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.stages import CHAIN, FORMS, PARTS, arranged, followers
from attn_cli.trace.trace import Array, Layer, Stage, Trace, frozen

UNCHANGED = WhatIf()
_ARITHMETIC = {"bfloat16": "float32"}
_TOLERANCES = {"float64": 1e-7, "float32": 1e-3, "float16": 0.05, "bfloat16": 0.1}
"""How far, beside the largest number, the same arithmetic may end from the stages stored in a dtype."""


def restart(trace: Trace, overrides: Mapping[str, Any], what_if: WhatIf = UNCHANGED) -> Trace:
    """The trace itself where no setting changes, else its layers computed again from the latest stage that holds."""
    edits = what_if.edits([layer.name for layer in trace.layers])
    layers = tuple(_again(layer, overrides, edits.get(layer.name, ())) for layer in trace.layers)
    outdated = {note for layer in trace.layers for note in remarks(layer)}
    notes = [note for note in trace.notes if note not in outdated]
    notes += [note for layer in layers for note in remarks(layer)]
    for name in ("head_output", "output"):
        if any(name in old and name not in new for old, new in zip(trace.layers, layers, strict=True)):
            notes.append(f"{name} is left out: the trace does not carry all that made it")
    notes += what_if.notes
    return trace if layers == trace.layers else replace(trace, layers=layers, notes=tuple(dict.fromkeys(notes)))


def spec_of(layer: Layer) -> Spec:
    """The settings of a layer as a Spec, for the heads whose arrays it holds; SpecError where one is not understood."""
    old = layer.settings
    root = "Q" in layer and old.scale == 1 / math.sqrt(layer["Q"].shape[2])
    return Spec(
        heads=len(layer.head_index),
        mask=parse_mask(old.mask),
        positions=parse_positions(old.positions),
        scale="sqrt" if root else parse_scale(old.scale),
        softcap=None if old.softcap is None else parse_softcap(old.softcap),
        dtype=_ARITHMETIC.get(old.dtype, old.dtype),
    )


def _again(whole: Layer, overrides: Mapping[str, Any], edits: tuple[Edit, ...]) -> Layer:
    before = spec_of(whole)
    after = replace(before, **overrides)
    layer = whole.select(whole.head_index)  # without key heads that no head of the layer uses
    given = _per_head(layer)
    check_can_act(overrides, given, (), before)
    if before == after and not edits:
        return whole
    held = _without_followers(layer, still_valid(given, (), before, after), edits)
    # Without X they would be taken for it.
    aside = {name: held.pop(name) for name in ("residual", "embedded") if name in held and "X" not in held}
    extras = _extras(layer, held, before, after)
    if edits:
        extras = replace(extras, edits=tuple(edit for own in edits for edit in _localised(layer, own)))
    made = _attended(layer, held, after, extras)
    old = {stage.name: stage for stage in layer.stages}
    stages = [replace(old[name], array=frozen(array.astype(after.dtype))) for name, array in aside.items()]
    stages += [_regrouped(layer, stage, old.get(stage.name) if stage.name in held else None) for stage in made.stages]
    stages = [_told(stage, edits) for stage in stages]
    lost = [name for name in old if name not in made and name not in (*PARTS, *aside, "head_output", "output")]
    normed = [name for name in lost if name in (*FORMS["Q"], *FORMS["K"]) and name not in ROTATED]
    if normed or (edits and lost and before == after):
        raise _not_carried(f"all that makes its {(normed or lost)[0]}")
    if "output" in made and not _side_by_side(layer):
        stages = [stage for stage in stages if stage.name != "output"]
    return replace(
        layer,
        stages=tuple(stages),
        settings=made.settings,
        query_tokens=made.query_tokens,
        key_tokens=made.key_tokens,
        from_start=made.from_start,
    )


def _told(stage: Stage, edits: Sequence[Edit]) -> Stage:
    """A stage whose formula tells its edits as they were asked for, by the heads' own numbers."""
    words = [edit.words for edit in edits if edit.stage == stage.name]
    return replace(stage, formula="; ".join([stage.formula.partition("; ")[0], *words])) if words else stage


def _without_followers(layer: Layer, held: Mapping[str, Array], edits: Sequence[Edit]) -> dict[str, Array]:
    """What is held, without the stages that follow from an edited one."""
    order = arranged(tuple(stage.name for stage in layer.stages))
    stale: set[str] = set()
    for edit in edits:
        if edit.stage not in layer:
            there = ", ".join(stage.name for stage in layer.stages)
            raise SelectionError(f"{layer.name} has no {edit.stage} to change", hint=f"it has {there}")
        stale |= followers(edit.stage, order=order)
        if stale & {"Q", "K"} and "weights" in layer:
            raise _not_carried(f"W_Q and W_K, which make new weights of {edit.stage}")
    return {name: array for name, array in held.items() if name not in stale}


def _localised(layer: Layer, edit: Edit) -> tuple[Edit, ...]:
    """The edit for the heads that the layer holds; of a key head, once for each query head that looks through it."""
    stage = next(stage for stage in layer.stages if stage.name == edit.stage)
    if stage.kind.heads is None:
        return (edit,)
    own = localised(edit, stage.array.shape, layer.heads_of(stage))  # type: ignore[arg-type]
    if stage.kind.heads == "query heads" or not isinstance(own, SetCell):
        return (own,)
    places = [place for place, key in enumerate(_key_places(layer)[0]) if key == own.index[0]]
    return tuple(replace(own, index=(place, *own.index[1:])) for place in places)


def _attended(layer: Layer, held: Mapping[str, Array], spec: Spec, extras: Extras) -> Layer:
    """Attention on the stages that are held, as on a layer with a key head for each query head."""
    queries, keys = layer.query_tokens, layer.key_tokens
    if layer.kind == "cross":
        return attend(queries, held, None, spec, extras=extras, context_tokens=keys)
    return attend(max(queries, keys, key=len), held, None, spec, extras=extras)


def _per_head(layer: Layer) -> dict[str, Array]:
    """The arrays of a layer, keys and values repeated for each query head that it holds."""
    own, shared = _key_places(layer)
    return {
        stage.name: stage.array[own] if shared and stage.kind.heads == "key heads" else stage.array
        for stage in layer.stages
    }


def _regrouped(layer: Layer, made: Stage, old: Stage | None) -> Stage:
    """A stage of repeated keys, once for each key head again; one that is held as it was, in the dtype of now."""
    dtype = made.array.dtype
    if old is not None:
        if not _kept(made):
            old = replace(old, array=_grouped(layer, made), formula=made.formula)
        return old if old.array.dtype == dtype else replace(old, array=frozen(old.array.astype(dtype)))
    return replace(made, array=_grouped(layer, made))


def _grouped(layer: Layer, made: Stage) -> Array:
    """The array of a stage of repeated keys, once for each key head again."""
    own, shared = _key_places(layer)
    if not shared or made.kind.heads != "key heads":
        return made.array
    return frozen(made.array[[own.index(place) for place in range(len(layer.kv_head_index))]])


def _kept(made: Stage) -> bool:
    """Whether a held stage came through as it was stored, not edited."""
    return not made.formula.endswith((" set", " switched off"))


def _key_places(layer: Layer) -> tuple[list[int], bool]:
    """Where each query head's keys stand among those that the layer holds, and whether any are shared."""
    own = [layer.kv_head_index.index(layer.key_head(head)) for head in layer.head_index]
    return own, own != list(range(len(layer.kv_head_index)))


def _extras(layer: Layer, held: Mapping[str, Array], before: Spec, after: Spec) -> Extras:
    """What acted on the scores beside the settings, as far as the trace shows it; UsageError where it does not."""
    if "weights" not in held and "sink_weight" in layer:
        raise _not_carried("the sinks")
    slopes = [scheme.slopes(1) for scheme in {before.positions, after.positions}]
    if len(layer.head_index) != layer.heads and "biased" not in held and any(slope is not None for slope in slopes):
        raise _not_carried("all heads, which ALiBi needs")
    extras = Extras()
    if "masked" in layer and "masked" not in held:
        hidden = np.isneginf(layer["masked"])  # (head, query, key)
        ruled_out, still = _hidden_by(before.mask, hidden), _hidden_by(after.mask, hidden)
        # What the mask's own rule does not hide was hidden by an array, and stays so.
        apart = hidden & ~ruled_out
        array = apart.any() or any("attn_mask" in stage.formula for stage in layer.stages if stage.name == "masked")
        if array and (ruled_out & ~still).any():
            raise _not_carried(f"what attn_mask says where {layer.settings.mask} hides")
        extras = Extras(hidden=apart if apart.any() else None)
    redone = _attended(layer, held, before, extras)
    for name in CHAIN:
        if name in layer and name in redone and not _near(redone[name], layer[name], layer.settings.dtype):
            raise _not_carried(f"all that made its {name}")
    return extras


def _hidden_by(mask: Mask, scores: Array) -> Array:
    """Truth values (query, key), True where the rule of a mask hides, for scores (head, query, key)."""
    seen = mask.visible(slice(None), *scores.shape[1:])
    return np.zeros(scores.shape[1:], bool) if seen is None else ~seen


def _near(redone: Array, stored: Array, dtype: str) -> bool:
    """Whether the same arithmetic ends at what is stored, but for rounding."""
    finite = np.abs(stored[np.isfinite(stored)])
    allowed = _TOLERANCES[dtype] * max(1.0, float(finite.max(initial=0)))
    with np.errstate(invalid="ignore"):
        return np.allclose(redone, stored, rtol=0, atol=allowed, equal_nan=True)


def _not_carried(what: str) -> UsageError:
    return UsageError(
        f"this change cannot act on a trace that does not carry {what}", hint="start from the document that made it"
    )


def _side_by_side(layer: Layer) -> bool:
    """Whether the output is just the heads side by side, so that it can be made without W_O."""
    if "output" not in layer or "head_output" not in layer:
        return False
    return np.array_equal(layer["output"], join_heads(layer["head_output"]), equal_nan=True)
