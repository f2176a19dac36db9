"""What a change of settings changes: which stages are stale after it, and where it has nothing to act on."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from attn_cli.core.attention import CHAIN
from attn_cli.core.positions import Positions
from attn_cli.core.spec import Spec
from attn_cli.errors import UsageError
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array

ORDER = tuple(STAGES)
Arrays = Mapping[str, Array]


def check_can_act(overrides: Mapping[str, Any], given: Arrays, matrices: Collection[str], before: Spec) -> None:
    """UsageError for the first of these options that has nothing to act on: its stages are given, or nothing is."""
    projects, turns = _projects(given, matrices), _has(given, "", "_normed")
    matches = projects or _has(given, "", "_normed", "_rotated")
    scales = matches or "scores" in given
    adds = scales or "scaled" in given or "softcapped" in given
    cuts = projects and all(name not in given or f"W_{name}" in matrices for name in "QKV")
    schemes = (before.positions, overrides.get("positions", before.positions))
    hides = adds or "biased" in given
    if any(map(_turns, schemes)) and _moves(given, before, replace(before, mask=overrides.get("mask", before.mask))):
        hides = projects or turns
    acts = {
        "heads": cuts,
        "kv_heads": cuts,
        "scale": scales,
        "softcap": scales or "scaled" in given,
        "temperature": scales,
        "mask": hides,
        "positions": projects if any(map(_adds, schemes)) else projects or turns if any(map(_turns, schemes)) else adds,
    }
    for option in overrides:
        if not acts.get(option, True):
            name = "--" + option.replace("_", "-")
            raise UsageError(
                f"{name} cannot act here: the document starts later, with {', '.join(given)}",
                hint=f"leave {name} out, or give the document an earlier stage",
            )


def still_valid(given: Arrays, matrices: Collection[str], before: Spec, after: Spec) -> dict[str, Array]:
    """The given stages that still hold under the settings `after`; later ones are to be computed again.

    What no projection can make again is held. Parts of scores are not: they are made when they are asked for.
    """
    stale = _first_stale(given, matrices, before, after)
    made_once = {name for name in "QKV" if f"W_{name}" not in matrices}
    return {
        name: array
        for name, array in given.items()
        if name not in PARTS
        and (stale is None or name in made_once or name not in ORDER or ORDER.index(name) < ORDER.index(stale))
    }


def _first_stale(given: Arrays, matrices: Collection[str], before: Spec, after: Spec) -> str | None:
    """The earliest stage that the change touches, None where nothing changes."""
    touched = []
    if before.positions != after.positions:
        schemes = (before.positions, after.positions)
        touched.append("X" if any(map(_adds, schemes)) else "Q_rotated" if any(map(_turns, schemes)) else "biased")
    if before.scale != after.scale:
        touched.append("scaled")
    if before.softcap != after.softcap:
        touched.append("softcapped")
    if before.temperature != after.temperature:
        touched.append(next((name for name in ("biased", "softcapped") if name in given), "scaled"))
    if before.mask != after.mask:
        touched.append("masked")
        if _moves(given, before, after):
            touched.append("Q_rotated" if _turns(after.positions) else "biased" if "biased" in given else "masked")
    if (before.heads, before.key_heads) != (after.heads, after.key_heads):
        touched.append("Q")
    if before.dtype != after.dtype and (after_start := _after_start(given, matrices)) is not None:
        touched.append(after_start)
    return min(touched, key=ORDER.index, default=None)


def _after_start(given: Arrays, matrices: Collection[str]) -> str | None:
    """The first stage that can be computed from those that are given; None where nothing can."""
    if _projects(given, matrices):
        return "Q"
    if _has(given, "", "_normed"):
        return "Q_rotated"
    if _has(given, "_rotated"):
        return "scores"
    start = next((name for name in CHAIN if name in given), "weights")
    if start != "weights":
        return ORDER[ORDER.index(start) + 1]
    return "head_output" if "V" in given else None


def _projects(given: Arrays, matrices: Collection[str]) -> bool:
    """Whether queries and keys are made here, from vectors and projections."""
    return {"W_Q", "W_K"} <= set(matrices) and ("X" in given or "embedded" in given)


def _has(given: Arrays, *forms: str) -> bool:
    """Whether queries and keys are given, each in one of these forms."""
    return all(any(f"{name}{form}" in given for form in forms) for name in "QK")


def _moves(given: Arrays, before: Spec, after: Spec) -> bool:
    """Whether queries count from the other end, and so stand at other positions: there are fewer of them than keys."""
    sizes: dict[str | None, int] = {}
    for name, array in given.items():
        if name in ORDER and array.ndim > 1:
            sizes |= zip((STAGES[name].rows, STAGES[name].columns), array.shape[-2:], strict=True)
    return before.mask.from_start != after.mask.from_start and sizes.get("query") != sizes.get("key", sizes["query"])


def _adds(scheme: Positions) -> bool:
    """Whether a position scheme adds vectors to embeddings."""
    return type(scheme).added is not Positions.added


def _turns(scheme: Positions) -> bool:
    """Whether a position scheme turns queries and keys."""
    return type(scheme).rotated is not Positions.rotated
