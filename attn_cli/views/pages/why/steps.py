"""The steps of one score on the page of `attn why`, and softmax: lines that can be redone with a pocket calculator."""

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from attn_cli.analysis.changes import ScoreChange
from attn_cli.analysis.why import Cell, Key, Row
from attn_cli.trace.trace import Layer
from attn_cli.views.drawing.calculations import Read, Say, calculation, noted, sayer, signed, stored_words
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Equation, Heading, Prose
from attn_cli.views.pages.provenance import count

RIVALS = 5
SUBTRACTED = "The row's largest score is subtracted first; the weights do not change."

Step = Callable[[ScoreChange, Cell, Layer, int], str]


def step_lines(layer: Layer, cell: Cell, precision: int) -> Iterator[Block]:
    """One line for each step from the first score to the last; the split by cause stands before the mask."""
    lines = {change.stage: Equation(STEPS[change.stage](change, cell, layer, precision)) for change in cell.changes}
    yield from (line for stage, line in lines.items() if stage != "masked")
    if len(cell.parts) > 1:
        yield Equation(_by_cause(cell.parts, precision))
    yield from (line for stage, line in lines.items() if stage == "masked")


def _by_cause(parts: Mapping[str, float], precision: int) -> str:
    return "by cause: " + calculation(
        lambda say: " + ".join(f"{name} {say(part)}" for name, part in parts.items()),
        lambda read: sum(read(part) for part in parts.values()),
        sum(parts.values()),
        precision,
    )


def _divided(change: ScoreChange) -> tuple[str, float]:
    """What the result of a step is divided by, in words and as a number."""
    divisor = change.numbers.get("divisor", 1.0)
    return ("" if divisor == 1 else f" / {divisor:.10g}"), divisor


def _line(
    change: ScoreChange,
    precision: int,
    words: Callable[[Say], str],
    comes_to: Callable[[Read], float],
    *notes: str,
) -> str:
    """A step as an equation; without the numbers that it uses, only what is stored."""
    if change.calculated is None:
        return f"{change.stage} = {sayer(precision)(change.after)}   (stored; the numbers that made it are not)"
    stored = stored_words(change.calculated, change.after, follows=change.follows, precision=precision)
    made = calculation(words, comes_to, change.calculated, precision)
    return noted(f"{change.stage} = {made}", *notes, stored)


def _scaled(change: ScoreChange, cell: Cell, layer: Layer, precision: int) -> str:
    factor = change.numbers.get("factor", 1.0)
    times = f"{factor:.10g}"
    by, divisor = _divided(change)
    width = layer["Q"].shape[2] if "Q" in layer else 0
    root = f"1/√{width}" if width and factor == width**-0.5 else ""
    return _line(
        change,
        precision,
        lambda say: f"{say(change.before)} × {times}{by}",
        lambda read: read(change.before) * float(times) / divisor,
        root,
    )


def _softcapped(change: ScoreChange, cell: Cell, layer: Layer, precision: int) -> str:
    cap = f"{change.numbers.get('cap', 1.0):.10g}"
    by, divisor = _divided(change)
    return _line(
        change,
        precision,
        lambda say: f"{cap} × tanh({say(change.before)} / {cap}){by}",
        lambda read: float(cap) * math.tanh(read(change.before) / float(cap)) / divisor,
    )


def _biased(change: ScoreChange, cell: Cell, layer: Layer, precision: int) -> str:
    numbers = change.numbers
    by, divisor = _divided(change)
    slope, distance = (f"{numbers.get(name, 0.0):.10g}" for name in ("slope", "distance"))
    bias = numbers.get("bias")

    def words(say: Say) -> str:
        sloped = f" − {slope} × {distance}" if "slope" in numbers else ""
        added = "" if bias is None else f" {signed(bias, say)}"
        total = f"{say(change.before)}{sloped}{added}"
        return f"({total}){by}" if by else total

    def comes_to(read: Read) -> float:
        total = read(change.before) - float(slope) * float(distance) + (0.0 if bias is None else read(bias))
        return total / divisor

    alibi = f"ALiBi: slope × distance{'' if bias is None else ', then a bias'}"
    return _line(change, precision, words, comes_to, alibi if "slope" in numbers else "a bias is added")


def _masked(change: ScoreChange, cell: Cell, layer: Layer, precision: int) -> str:
    say, mask = sayer(precision), layer.settings.mask
    if change.after == -math.inf:
        if change.before == -math.inf:
            return "masked = −∞   (the score is −∞ without a mask)"
        cause = f"the mask {mask} hides" if cell.ruled_out else "a mask hides"
        beside = f", which {mask} does not" if not cell.ruled_out and mask != "none" else ""
        return f"masked = −∞   ({cause} this key{beside})"
    stored = stored_words(change.calculated, change.after, follows=change.follows, precision=precision)
    if change.calculated == -math.inf:
        return noted("masked = −∞", f"the mask {mask} hides this key", stored)
    if change.calculated is None:
        return noted(f"masked = {say(change.after)}", "not masked")
    return noted(f"masked = {say(change.before)}", "not masked" if change.follows else "", stored)


STEPS: Mapping[str, Step] = MappingProxyType(
    {"scaled": _scaled, "softcapped": _softcapped, "biased": _biased, "masked": _masked}
)


def softmax_lines(row: Row, key: Key, precision: int) -> Iterator[Block]:
    """The exponential of a key, the sum over all keys, and the weight."""
    if row.largest is None or row.denominator is None or key.exponential is None:
        if key.scores and key.weight is not None:
            yield Prose(f"Not all steps from {list(key.scores)[-1]} to the weights are stored.")
        return
    hidden = sum(rival.hidden for rival in row.keys)
    yield Heading(f"The share: softmax over {count(len(row.keys), 'key')}" + (f", {hidden} hidden" if hidden else ""))
    if row.largest and not key.hidden:
        yield Prose(SUBTRACTED, faint=True)
    yield Equation(_exponential(row, key, precision))
    yield Equation(_denominator(row, key, precision))
    if key.weight is not None and key.share is not None:
        yield Equation(_weight(row, key, key.share, precision))


def _exponential(row: Row, key: Key, precision: int) -> str:
    if key.hidden:
        return "exponential = exp(−∞) = 0"
    score, largest = list(key.scores.values())[-1], row.largest or 0.0
    line = calculation(
        lambda say: f"exp({say(score)} {signed(-largest, say)})",
        lambda read: math.exp(read(score) - read(largest)),
        key.exponential or 0.0,
        precision,
    )
    return f"exponential = {line}"


def _denominator(row: Row, key: Key, precision: int) -> str:
    seen = [rival for rival in row.keys if rival is key or not rival.hidden]
    rivals = [rival for rival in seen if rival is not key][:RIVALS]
    shown = sorted([key, *rivals], key=seen.index)
    names = dict(zip((rival.index for rival in shown), labels([rival.token for rival in shown]), strict=True))
    terms = [(rival.exponential or 0.0, names[rival.index]) for rival in shown]
    if others := len(seen) - len(shown):
        rest = sum(rival.exponential or 0.0 for rival in seen if all(rival is not named for named in shown))
        terms.append((rest, f"{others} more"))
    if row.sunk is not None:
        terms.append((row.sunk, "the sink"))
    return "denominator = " + calculation(
        lambda say: " + ".join(f"{say(number)} ({name})" for number, name in terms),
        lambda read: sum(read(number) for number, _ in terms),
        row.denominator or 0.0,
        precision,
    )


def _weight(row: Row, key: Key, share: float, precision: int) -> str:
    stored = stored_words(share, key.weight, follows=key.follows, precision=precision)
    exponential, denominator = key.exponential or 0.0, row.denominator or 0.0
    if denominator == 0:
        return noted("weight = 0", "the query sees no key", stored)
    line = calculation(
        lambda say: f"{say(exponential)} / {say(denominator)}",
        lambda read: read(exponential) / read(denominator),
        share,
        precision,
    )
    return noted(f"weight = {line}", stored)
