"""Stored numbers that do not follow from the stages before them, in words."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from attn_cli.analysis.following.expected import Mismatch
from attn_cli.trace.trace import Layer
from attn_cli.views.drawing.calculations import EXTRA, sayer
from attn_cli.views.page import Block, Prose

NOUNS = MappingProxyType(
    {
        "weights": "weight",
        "scores": "score",
        **{stage: f"{stage} score" for stage in ("scaled", "softcapped", "biased", "masked")},
    }
)
"""What one number of a stage is called."""


def mismatch_lines(layer: Layer, mismatches: Sequence[Mismatch], precision: int, file: str | None) -> Iterator[Block]:
    """One sentence for each stored number that does not follow, and the command that looks for the cause."""
    changed = {stage.name for stage in layer.stages if "; " in stage.formula}
    words = [mismatch_words(mismatch, precision, changed=mismatch.stage in changed) for mismatch in mismatches]
    if any(mismatch.stage not in changed for mismatch in mismatches):
        words.append(f"attn check {file or 'FILE'} looks for the cause.")
    if words:
        yield Prose(" ".join(words))


def mismatch_words(mismatch: Mismatch, precision: int, *, changed: bool) -> str:
    """What is stored and what the stages before it give, with enough digits to tell them apart."""
    say = sayer(precision)
    for extra in EXTRA:
        say = sayer(precision + extra)
        if say(mismatch.calculated) != say(mismatch.stored):
            break
    verdict = "was changed" if changed else "does not follow"
    return (
        f"The stored {stored_name(mismatch)} {verdict}: {mismatch.source} gives {say(mismatch.calculated)}, "
        f"and {say(mismatch.stored)} is stored."
    )


def stored_name(mismatch: Mismatch) -> str:
    """What a stored number is called: weight of key 3, head_output in feature 0."""
    if mismatch.key is not None and mismatch.feature is None:
        return f"{NOUNS.get(mismatch.stage, mismatch.stage)} of key {mismatch.key}"
    return f"{mismatch.stage} in feature {mismatch.feature}"
