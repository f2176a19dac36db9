"""A trace under other settings: the arithmetic starts again at the latest stage before the change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attn_cli.core.attention import attend
from attn_cli.core.spec import Spec, parse_mask, parse_positions, parse_scale
from attn_cli.errors import UsageError
from attn_cli.trace.trace import Layer, Trace

_BEFORE = ("embedded", "residual", "X", "X_context", "Q", "K", "V", "Q_normed", "K_normed", "Q_rotated", "K_rotated")


def restart(trace: Trace, overrides: Mapping[str, Any]) -> Trace:
    """The trace itself where no setting changes, else its layers computed again from Q and K, or from scores."""
    layers = [_again(layer, overrides) for layer in trace.layers]
    dropped = any("output" in old and "output" not in new for old, new in zip(trace.layers, layers, strict=True))
    note = "output is left out: the trace does not carry W_O"
    notes = (*trace.notes, note) if dropped and note not in trace.notes else trace.notes
    return replace(trace, layers=tuple(layers), notes=notes)


def _again(layer: Layer, overrides: Mapping[str, Any]) -> Layer:
    old = layer.settings
    before = Spec(
        heads=len(layer.head_index),
        kv_heads=len(layer.kv_head_index),
        mask=parse_mask(old.mask),
        positions=parse_positions(old.positions),
        scale=parse_scale(old.scale),
        dtype=old.dtype,
    )
    spec = replace(before, **overrides)
    if spec == before or _same_scale(layer, spec, before):
        return layer
    changed = ", ".join(f"--{name}" for name in overrides)
    have_scores = "scores" in layer and (spec.scale != "sqrt" or "Q" in layer)
    if not (("Q" in layer and "K" in layer) or have_scores):
        raise UsageError(
            f"{changed} cannot act here: {layer.name} holds neither Q and K nor scores",
            hint="keep those stages in the trace, or start from its parameters",
        )
    again = {"Q", "K", "V"} | ({"scores"} if spec.dtype == before.dtype or "Q" not in layer else set())
    given = {stage.name: stage.array for stage in layer.stages if stage.name in again}
    made = attend(layer.key_tokens, given, None, spec)
    formulas = {stage.name: stage.formula for stage in layer.stages if stage.name in given}
    later = [replace(stage, formula=formulas.get(stage.name, stage.formula)) for stage in made.stages]
    before_it = [stage for stage in layer.stages if stage.name in _BEFORE and stage.name not in made]
    # Without W_O nobody can say what the output is.
    stages = (*before_it, *(stage for stage in later if stage.name != "output"))
    return replace(layer, stages=stages, settings=made.settings)


def _same_scale(layer: Layer, spec: Spec, before: Spec) -> bool:
    """Whether the two differ in the spelling of the scale alone, sqrt for the number that it is."""
    if "Q" not in layer:
        return False
    d_k = layer["Q"].shape[-1]
    return replace(spec, scale="none") == replace(before, scale="none") and spec.factor(d_k) == before.factor(d_k)
