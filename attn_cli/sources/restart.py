"""Compute a trace again under changed settings, from the latest stage before the change."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.core.attention import attend
from attn_cli.core.edits import Edit, SetCell, localised
from attn_cli.core.masks import Mask
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions, parse_scale, parse_softcap
from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.changes import ROTATED, check_can_act, still_valid
from attn_cli.sources.output_matrix import is_side_by_side
from attn_cli.sources.remarks import remarks
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.stages import CHAIN, FORMS, PARTS, arranged, followers
from attn_cli.trace.trace import Array, Layer, Stage, Trace, frozen

UNCHANGED = WhatIf()
_ARITHMETIC = {"bfloat16": "float32"}
_TOLERANCES = {"float64": 1e-7, "float32": 1e-3, "float16": 0.05, "bfloat16": 0.1}
"""The allowed distance between recomputed and stored stages of a dtype, relative to the largest number."""


def restart(trace: Trace, overrides: Mapping[str, Any], what_if: WhatIf = UNCHANGED) -> Trace:
    """The trace with its layers computed again from the latest valid stage; the trace itself if nothing changes."""
    edits = what_if.edits([layer.name for layer in trace.layers])
    layers = tuple(_again(layer, overrides, edits.get(layer.name, ())) for layer in trace.layers)
    outdated = {note for layer in trace.layers for note in remarks(layer)}
    notes = [note for note in trace.notes if note not in outdated]
    notes += [note for layer in layers for note in remarks(layer)]
    for name in ("head_output", "output"):
        if any(name in old and name not in new for old, new in zip(trace.layers, layers, strict=True)):
            notes.append(f"{name} is left out: the trace does not contain all its inputs")
    notes += what_if.notes
    return trace if layers == trace.layers else replace(trace, layers=layers, notes=tuple(dict.fromkeys(notes)))


def spec_of(layer: Layer) -> Spec:
    """The settings of a layer as a Spec, for the heads in its arrays; SpecError for an unknown setting."""
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
    # Without X, attention would use them in its place.
    aside = {name: held.pop(name) for name in ("residual", "embedded") if name in held and "X" not in held}
    extras = _extras(layer, held, before, after)
    if edits:
        extras = replace(extras, edits=tuple(local for edit in edits for local in _localised(layer, edit)))
    new = _attended(layer, held, after, extras)
    old = {stage.name: stage for stage in layer.stages}
    stages = [replace(old[name], array=frozen(array.astype(after.dtype))) for name, array in aside.items()]
    stages += [_regrouped(layer, stage, old.get(stage.name) if stage.name in held else None) for stage in new.stages]
    stages = [_with_edits(stage, edits) for stage in stages]
    lost = [name for name in old if name not in new and name not in (*PARTS, *aside, "head_output", "output")]
    normed = [name for name in lost if name in (*FORMS["Q"], *FORMS["K"]) and name not in ROTATED]
    if normed or (edits and lost and before == after):
        raise _missing(f"all inputs of its {(normed or lost)[0]}")
    if "output" in new and not is_side_by_side(layer):
        stages = [stage for stage in stages if stage.name != "output"]
    return replace(
        layer,
        stages=tuple(stages),
        settings=new.settings,
        query_tokens=new.query_tokens,
        key_tokens=new.key_tokens,
        from_start=new.from_start,
    )


def _with_edits(stage: Stage, edits: Sequence[Edit]) -> Stage:
    """The stage with its edits in the formula, spelled as the user spelled them."""
    words = [edit.words for edit in edits if edit.stage == stage.name]
    return replace(stage, formula="; ".join([stage.formula.partition("; ")[0], *words])) if words else stage


def _without_followers(layer: Layer, held: Mapping[str, Array], edits: Sequence[Edit]) -> dict[str, Array]:
    """The held stages without those computed from an edited stage."""
    order = arranged(tuple(stage.name for stage in layer.stages))
    stale: set[str] = set()
    for edit in edits:
        if edit.stage not in layer:
            names = ", ".join(stage.name for stage in layer.stages)
            raise SelectionError(f"{layer.name} has no {edit.stage} to change", hint=f"it has {names}")
        stale |= followers(edit.stage, order=order)
        if stale & {"Q", "K"} and "weights" in layer:
            raise _missing(f"W_Q and W_K, which make new weights of {edit.stage}")
    return {name: array for name, array in held.items() if name not in stale}


def _localised(layer: Layer, edit: Edit) -> tuple[Edit, ...]:
    """The edit with indices of the held heads; an edit of a key head once for each query head that uses it."""
    stage = next(stage for stage in layer.stages if stage.name == edit.stage)
    if stage.kind.heads is None:
        return (edit,)
    local = localised(edit, stage.array.shape, layer.heads_of(stage))  # type: ignore[arg-type]
    if stage.kind.heads == "query heads" or not isinstance(local, SetCell):
        return (local,)
    heads = [head for head, key_head in enumerate(_key_heads(layer)[0]) if key_head == local.index[0]]
    return tuple(replace(local, index=(head, *local.index[1:])) for head in heads)


def _attended(layer: Layer, held: Mapping[str, Array], spec: Spec, extras: Extras) -> Layer:
    """Attention on the held stages, in a layer with one key head per query head."""
    queries, keys = layer.query_tokens, layer.key_tokens
    if layer.kind == "cross":
        return attend(queries, held, None, spec, extras=extras, context_tokens=keys)
    return attend(max(queries, keys, key=len), held, None, spec, extras=extras)


def _per_head(layer: Layer) -> dict[str, Array]:
    """The arrays of a layer by stage, with keys and values repeated for each query head."""
    key_heads, shared = _key_heads(layer)
    return {
        stage.name: stage.array[key_heads] if shared and stage.kind.heads == "key heads" else stage.array
        for stage in layer.stages
    }


def _regrouped(layer: Layer, new: Stage, old: Stage | None) -> Stage:
    """A new stage with one matrix per key head again; a held stage unchanged, in the new dtype."""
    dtype = new.array.dtype
    if old is not None:
        if not _kept(new):
            old = replace(old, array=_grouped(layer, new), formula=new.formula)
        return old if old.array.dtype == dtype else replace(old, array=frozen(old.array.astype(dtype)))
    return replace(new, array=_grouped(layer, new))


def _grouped(layer: Layer, stage: Stage) -> Array:
    """The array of a stage with repeated key heads, reduced to one matrix per key head."""
    key_heads, shared = _key_heads(layer)
    if not shared or stage.kind.heads != "key heads":
        return stage.array
    return frozen(stage.array[[key_heads.index(key_head) for key_head in range(len(layer.kv_head_index))]])


def _kept(stage: Stage) -> bool:
    """Whether a held stage was not edited."""
    return not stage.formula.endswith((" set", " switched off"))


def _key_heads(layer: Layer) -> tuple[list[int], bool]:
    """The index of each query head's key head in the arrays, and whether any key head is shared."""
    key_heads = [layer.kv_head_index.index(layer.key_head(head)) for head in layer.head_index]
    return key_heads, key_heads != list(range(len(layer.kv_head_index)))


def _extras(layer: Layer, held: Mapping[str, Array], before: Spec, after: Spec) -> Extras:
    """The mask array that acted on the scores beside the settings; UsageError if the trace does not show it."""
    if "weights" not in held and "sink_weight" in layer:
        raise _missing("the sinks")
    slopes = [scheme.slopes(1) for scheme in {before.positions, after.positions}]
    if len(layer.head_index) != layer.heads and "biased" not in held and any(slope is not None for slope in slopes):
        raise _missing("all heads, which ALiBi needs")
    extras = Extras()
    if "masked" in layer and "masked" not in held:
        hidden = np.isneginf(layer["masked"])  # (head, query, key)
        ruled_out, still = _hidden_by(before.mask, hidden), _hidden_by(after.mask, hidden)
        # Cells that the mask's rule does not hide were hidden by an array, and stay hidden.
        apart = hidden & ~ruled_out
        array = apart.any() or any("attn_mask" in stage.formula for stage in layer.stages if stage.name == "masked")
        if array and (ruled_out & ~still).any():
            raise _missing(f"the cells of attn_mask that {layer.settings.mask} hides")
        extras = Extras(hidden=apart if apart.any() else None)
    redone = _attended(layer, held, before, extras)
    for name in CHAIN:
        if name in layer and name in redone and not _near(redone[name], layer[name], layer.settings.dtype):
            raise _missing(f"all inputs of its {name}")
    return extras


def _hidden_by(mask: Mask, scores: Array) -> Array:
    """True (query, key) where the rule of a mask hides, for scores (head, query, key)."""
    visible = mask.visible(slice(None), *scores.shape[1:])
    return np.zeros(scores.shape[1:], bool) if visible is None else ~visible


def _near(redone: Array, stored: Array, dtype: str) -> bool:
    """Whether recomputed numbers equal the stored ones within rounding."""
    finite = np.abs(stored[np.isfinite(stored)])
    allowed = _TOLERANCES[dtype] * max(1.0, float(finite.max(initial=0)))
    with np.errstate(invalid="ignore"):
        return np.allclose(redone, stored, rtol=0, atol=allowed, equal_nan=True)


def _missing(missing: str) -> UsageError:
    return UsageError(
        f"this change cannot act on a trace that does not contain {missing}",
        hint="start from the document that made it",
    )
