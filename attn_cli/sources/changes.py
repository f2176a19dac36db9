"""The effect of changed settings: the stages that become stale, and options that cannot act."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from attn_cli.core.head_steps import on_heads
from attn_cli.core.positions import adds, rotates
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import UsageError
from attn_cli.trace.stages import CHAIN, PARTS, STAGES, arranged, followers
from attn_cli.trace.trace import Array

ROTATED = tuple(f"{name}_rotated" for name in "QK")
Arrays = Mapping[str, Array]


def check_can_act(overrides: Mapping[str, Any], given: Arrays, matrices: Collection[str], before: Spec) -> None:
    """Raise UsageError for the first option that cannot act, because the document gives or lacks its stages."""
    projects, rotatable = _projects(given, matrices), _has(given, "", "_normed")
    matches = projects or _has(given, "", "_normed", "_rotated")
    scales = matches or "scores" in given
    biases = scales or "scaled" in given or "softcapped" in given
    cuts = projects and all(name not in given or f"W_{name}" in matrices for name in "QKV")
    schemes = (before.positions, overrides.get("positions", before.positions))
    hides = biases or "biased" in given
    if any(map(rotates, schemes)) and _moves(given, before, replace(before, mask=overrides.get("mask", before.mask))):
        hides = projects or rotatable
    acts = {
        "heads": cuts,
        "kv_heads": cuts,
        "scale": scales,
        "softcap": scales or "scaled" in given,
        "temperature": scales,
        "mask": hides,
        "positions": projects
        if any(map(adds, schemes))
        else projects or rotatable
        if any(map(rotates, schemes))
        else biases,
    }
    for option in overrides:
        if not acts.get(option, True):
            name = "--" + option.replace("_", "-")
            raise UsageError(
                f"{name} cannot act here: the document starts later, with {', '.join(given)}",
                hint=f"leave {name} out, or give the document an earlier stage",
            )


def still_valid(
    given: Arrays, matrices: Collection[str], before: Spec, after: Spec, *, changed: Collection[str] = ()
) -> dict[str, Array]:
    """The given stages that still hold under the settings `after`; attention computes the others again.

    Stages in `changed` are stale too. Q, K and V without a projection are always kept. Parts of scores never are; they
    are computed on request.
    """
    changed_first = {*changed, *_touched(given, matrices, before, after)}
    stale = changed_first | followers(*changed_first, order=stage_order(after, given))
    irreplaceable = {name for name in "QKV" if f"W_{name}" not in matrices}
    return {
        name: array
        for name, array in given.items()
        if name not in PARTS and (name not in stale or name in irreplaceable)
    }


def stage_order(spec: Spec, given: Collection[str]) -> tuple[str, ...]:
    """All stages in the order of a spec's steps if it has a QK-norm, else in the order of the given stages."""
    norms = spec.qk_norm is not None
    return arranged(tuple(step.makes for step in on_heads(spec, Extras())) if norms else tuple(given))


def _touched(given: Arrays, matrices: Collection[str], before: Spec, after: Spec) -> Iterator[str]:
    """The first stages that a change of settings makes stale; their followers are stale too."""
    if before.positions != after.positions:
        schemes = (before.positions, after.positions)
        yield from ("X", "X_context") if any(map(adds, schemes)) else ()
        yield from ROTATED if any(map(rotates, schemes)) else ()
        yield from ("biased",) if any(scheme.slopes(1) is not None for scheme in schemes) else ()
    if before.scale != after.scale:
        yield "scaled"
    if before.softcap != after.softcap:
        yield "softcapped"
    if before.temperature != after.temperature:
        yield next((name for name in ("biased", "softcapped") if name in given), "scaled")
    if before.mask != after.mask:
        yield "masked"
        if _moves(given, before, after):
            yield from ROTATED if rotates(after.positions) else ("biased",) if "biased" in given else ()
    if (before.heads, before.key_heads) != (after.heads, after.key_heads):
        yield from "QKV"
    if before.dtype != after.dtype:
        yield from _after_start(given, matrices)


def _after_start(given: Arrays, matrices: Collection[str]) -> Iterator[str]:
    """The first stages that attention computes from the given ones."""
    if _projects(given, matrices):
        yield from "QKV"
    elif _has(given, "", "_normed"):
        yield from (*ROTATED, "scores")
    elif _has(given, "_rotated"):
        yield "scores"
    elif (start := next((name for name in CHAIN if name in given), "weights")) != "weights":
        yield from followers(start)
    elif "V" in given:
        yield "head_output"


def _projects(given: Arrays, matrices: Collection[str]) -> bool:
    """Whether queries and keys are computed from vectors and projections."""
    return {"W_Q", "W_K"} <= set(matrices) and ("X" in given or "embedded" in given)


def _has(given: Arrays, *forms: str) -> bool:
    """Whether queries and keys are both given, each in one of these forms."""
    return all(any(f"{name}{form}" in given for form in forms) for name in "QK")


def _moves(given: Arrays, before: Spec, after: Spec) -> bool:
    """Whether the change moves queries to other positions: they align with the other end of more keys."""
    sizes: dict[str | None, int] = {}
    for name, array in given.items():
        if name in STAGES and array.ndim > 1:
            sizes |= zip((STAGES[name].rows, STAGES[name].columns), array.shape[-2:], strict=True)
    return before.mask.from_start != after.mask.from_start and sizes.get("query") != sizes.get("key", sizes["query"])
