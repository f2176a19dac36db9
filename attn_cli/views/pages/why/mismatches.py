"""Stored numbers that do not follow from the stages before them, in words."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.following.expected import Mismatch
from attn_cli.trace.trace import Layer
from attn_cli.views.drawing.calculations import EXTRA, sayer
from attn_cli.views.page import Block, Prose


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
    places = {"feature": mismatch.feature, "key": mismatch.key}
    where = next((f" for {what} {index}" for what, index in places.items() if index is not None), "")
    say = sayer(precision)
    for extra in EXTRA:
        say = sayer(precision + extra)
        if say(mismatch.calculated) != say(mismatch.stored):
            break
    calculated, stored = say(mismatch.calculated), say(mismatch.stored)
    if changed:
        return f"{mismatch.stage} was changed{where}: {mismatch.source} gives {calculated}, and {stored} is stored."
    return f"{mismatch.stage} does not follow{where}: {mismatch.source} gives {calculated}, and {stored} is stored."
