"""What a change of settings changes: which stages are stale after it, and where it has nothing to act on."""

from collections.abc import Iterable, Mapping

from attn_cli.core.positions import Positions
from attn_cli.core.spec import Spec
from attn_cli.errors import UsageError
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array

ORDER = tuple(STAGES)
_LAST = "output"


def check_can_act(options: Iterable[str], given: Mapping[str, Array], matrices: Iterable[str], after: Spec) -> None:
    """UsageError for the first of these options that has nothing to act on: its stages are given, or nothing is."""
    projects = {"W_Q", "W_K"} <= set(matrices) and ("X" in given or "embedded" in given)
    matches = projects or ("Q" in given and "K" in given)
    scales = matches or "scores" in given
    adds = scales or "scaled" in given or "softcapped" in given
    acts = {
        "heads": projects and "Q" not in given,
        "kv_heads": projects and "K" not in given,
        "scale": scales,
        "softcap": scales or "scaled" in given,
        "mask": adds or "biased" in given,
        "positions": projects if _adds(after) else matches if _turns(after) else adds,
    }
    for option in options:
        if not acts.get(option, True):
            name = "--" + option.replace("_", "-")
            raise UsageError(
                f"{name} cannot act here: the document starts later, with {', '.join(given)}",
                hint=f"leave {name} out, or give the document an earlier stage",
            )


def fresh(given: Mapping[str, Array], matrices: Iterable[str], before: Spec, after: Spec) -> dict[str, Array]:
    """The given stages that still hold under the settings `after`; later ones are to be computed again."""
    stale = _first_stale(given, matrices, before, after)
    if stale is None:
        return dict(given)
    return {
        name: array
        for name, array in given.items()
        if name not in PARTS and (name not in ORDER or ORDER.index(name) < ORDER.index(stale))
    }


def _first_stale(given: Mapping[str, Array], matrices: Iterable[str], before: Spec, after: Spec) -> str | None:
    """The earliest stage that the change touches, None where nothing changes."""
    touched = []
    if before.positions != after.positions:
        schemes = (before, after)
        touched.append("X" if any(map(_adds, schemes)) else "Q_rotated" if any(map(_turns, schemes)) else "biased")
    if before.scale != after.scale:
        touched.append("scaled")
    if before.softcap != after.softcap:
        touched.append("softcapped")
    if before.mask != after.mask:
        touched.append("masked")
    if (before.heads, before.key_heads) != (after.heads, after.key_heads):
        touched.append("Q")
    if before.dtype != after.dtype:
        earliest = "Q" if set(matrices) & {"W_Q"} else "scores" if "Q" in given else "scaled"
        touched.append(earliest if earliest != "scaled" or "scores" in given else _LAST)
    return min(touched, key=ORDER.index, default=None)


def _adds(spec: Spec) -> bool:
    """Whether the position scheme adds vectors to embeddings."""
    return type(spec.positions).added is not Positions.added


def _turns(spec: Spec) -> bool:
    """Whether the position scheme turns queries and keys."""
    return type(spec.positions).rotated is not Positions.rotated
