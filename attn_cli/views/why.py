"""The page of `attn why`: one cell as lines that can be redone with a pocket calculator, or one row, ranked."""

from collections.abc import Callable, Iterator, Mapping
from math import inf, isfinite
from types import MappingProxyType

from attn_cli.analysis.changes import Change
from attn_cli.analysis.why import Cell, Key, Match, Row
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.page import Block, Equation, Grid, Heading, Listing, Look, Numbers, Page, Prose
from attn_cli.views.provenance import provenance
from attn_cli.views.text import labels

RIVALS = 5
TERMS = 16

Say = Callable[[float], str]


def cell_page(trace: Trace, layer: Layer, cell: Cell, look: Look, again: str | None = None) -> Page:
    """Dot product, steps, softmax and value of one cell."""
    return tuple(_cell(trace, layer, cell, _sayer(look.precision), look.full, again))


def row_page(trace: Trace, row: Row, look: Look, again: str | None = None) -> Page:
    """All keys of one query, the most attended first."""
    say = _sayer(look.precision)
    stages = list(row.keys[0].scores) if row.keys else []
    header = ("rank", "key", "token", *stages, "exp", "weight")
    rows = tuple(
        (
            str(rank),
            str(key.index),
            labels([key.token])[0],
            *(say(score) for score in key.scores.values()),
            "" if key.exponential is None else say(key.exponential),
            "" if key.weight is None else say(key.weight),
        )
        for rank, key in enumerate(row.keys, start=1)
    )
    return (
        *provenance(trace, again),
        Heading(f"{_whose(row)} looks at {len(row.keys)} keys"),
        Listing(header, rows, right=frozenset({0, 1, *range(3, len(header))})),
        *_softmax_notes(row, say),
    )


def _cell(trace: Trace, layer: Layer, cell: Cell, say: Say, full: bool, again: str | None) -> Iterator[Block]:
    row, key = cell.row, cell.key
    token = labels([key.token])[0]
    yield from provenance(trace, again)
    yield Prose("Shown to a few digits and carried with all: --precision 8 prints more.", faint=True)
    share = "no weight is stored" if key.weight is None else f"{100 * key.weight:.1f} % of its attention"
    yield Heading(f'{_whose(row)} → "{token}" (key {key.index}): {"hidden" if key.hidden else share}')
    if cell.match is not None:
        yield from _match(cell.match, say, full)
    elif key.scores:
        stage, score = next(iter(key.scores.items()))
        yield Prose(f"The arithmetic starts with {stage}: {say(score)}. What made it is not stored.")
    steps = {change.stage: Equation(_STEPS[change.stage](change, say, layer)) for change in cell.changes}
    yield from (line for stage, line in steps.items() if stage != "masked")
    if len(cell.parts) > 1:
        total = sum(cell.parts.values())
        causes = " + ".join(f"{name} {say(part)}" for name, part in cell.parts.items())
        yield Equation(f"by cause: {causes} = {say(total)}")
    yield from (line for stage, line in steps.items() if stage == "masked")
    yield from _softmax(row, key, say)
    yield from _value(layer, cell, say)


def _match(match: Match, say: Say, full: bool) -> Iterator[Block]:
    yield Heading(f"The match: {match.q} · {match.k}, feature by feature, the largest first")
    shown = match.terms if full else match.terms[:TERMS]
    rows = tuple((str(term.feature), say(term.q), say(term.k), say(term.product), say(term.total)) for term in shown)
    yield Listing(("feature", match.q, match.k, "product", "sum so far"), rows, right=frozenset(range(5)))
    if len(shown) < len(match.terms):
        rest = match.score - shown[-1].total
        yield Prose(f"… {len(match.terms) - len(shown)} more features add {say(rest)}; --full shows all", faint=True)
    yield Equation(f"score = {say(match.score)}")
    if match.unturned is not None:
        turned = match.score - match.unturned
        yield Equation(f"before rotation it was {say(match.unturned)}; position makes {_signed(turned, say)} of it")


def _scaled(change: Change, say: Say, layer: Layer) -> str:
    factor = change.numbers.get("factor")
    times = "" if factor is None else f" × {factor:.10g}"
    return f"scaled = {say(change.before)}{times} = {say(change.after)}{_root(layer, factor)}"


def _root(layer: Layer, factor: float | None) -> str:
    width = layer["Q"].shape[2] if "Q" in layer else 0
    return f"   (1/√{width})" if width and factor == width**-0.5 else ""


def _softcapped(change: Change, say: Say, layer: Layer) -> str:
    cap = change.numbers.get("cap")
    if cap is None:
        return f"softcapped = {say(change.after)}"
    return f"softcapped = {cap:g} × tanh({say(change.before)} / {cap:g}) = {say(change.after)}"


def _biased(change: Change, say: Say, layer: Layer) -> str:
    numbers = change.numbers
    slope = f" − {numbers['slope']:.6g} × {numbers['distance']:g}" if "slope" in numbers else ""
    bias = f" {_signed(numbers['bias'], say)}" if "bias" in numbers else ""
    named = "   (ALiBi: slope × distance)" if slope else "   (what attn_mask or the model adds)"
    return f"biased = {say(change.before)}{slope}{bias} = {say(change.after)}{named}"


def _masked(change: Change, say: Say, layer: Layer) -> str:
    if change.after == change.before:
        return f"masked = {say(change.after)}   (the query may look here)"
    cause = f"the mask {layer.settings.mask}" if layer.settings.mask != "none" else "a mask"
    return f"masked = −∞   ({cause} hides this key: it weighs exactly 0)"


_STEPS: Mapping[str, Callable[[Change, Say, Layer], str]] = MappingProxyType(
    {"scaled": _scaled, "softcapped": _softcapped, "biased": _biased, "masked": _masked}
)


def _softmax(row: Row, key: Key, say: Say) -> Iterator[Block]:
    if row.largest is None or row.denominator is None or key.exponential is None:
        return
    yield Heading(f"The share: softmax over {len(row.keys)} keys")
    if key.hidden:
        yield Equation("exponential = exp(−∞) = 0")
    else:
        score = list(key.scores.values())[-1]
        yield Equation(f"exponential = exp({say(score)} {_signed(-row.largest, say)}) = {say(key.exponential)}")
        yield Prose(f"{say(row.largest)} is the row's largest; taking it off changes no share.", faint=True)
    rivals = [rival for rival in row.keys if rival is not key][:RIVALS]
    shown = sorted([key, *rivals], key=row.keys.index)
    names = dict(zip((rival.index for rival in shown), labels([rival.token for rival in shown]), strict=True))
    parts = [f"{say(rival.exponential or 0)} ({names[rival.index]})" for rival in shown]
    others = len(row.keys) - len(shown)
    if others:
        rest = sum(rival.exponential or 0 for rival in row.keys if rival not in shown)
        parts.append(f"{say(rest)} ({others} more)")
    if row.sink is not None:
        parts.append(f"{say(row.sink * row.denominator)} (the sink)")
    yield Equation(f"denominator = {' + '.join(parts)} = {say(row.denominator)}")
    if key.weight is not None:
        yield Equation(f"weight = {say(key.exponential)} / {say(row.denominator)} = {say(key.weight)}")


def _softmax_notes(row: Row, say: Say) -> Iterator[Block]:
    if row.largest is not None and row.denominator is not None:
        sink = "" if row.sink is None else f", of which the sink took {say(row.sink * row.denominator)}"
        yield Equation(f"exp is exp(score {_signed(-row.largest, say)}); weight is exp / {say(row.denominator)}{sink}")


def _value(layer: Layer, cell: Cell, say: Say) -> Iterator[Block]:
    if cell.value is None or cell.contribution is None or cell.key.weight is None:
        return
    yield Heading("What it brings: the weight times this key's value")
    rows = [cell.value, cell.contribution]
    named = ["V", "weight × V"]
    if cell.head_output is not None:
        rows, named = [*rows, cell.head_output], [*named, "head_output"]
    from numpy import stack

    yield Numbers((Grid(stack(rows), tuple(named), None),))
    yield Equation(f"weight × V = {say(cell.key.weight)} × V, one of {len(cell.row.keys)} that add up to head_output")


def _whose(row: Row) -> str:
    head = f"head {row.head}: " if row.layer == "layers.0" else f"{row.layer}, head {row.head}: "
    return f'{head}"{labels([row.token])[0]}" (query {row.query})'


def _sayer(precision: int) -> Say:
    def say(number: float) -> str:
        if not isfinite(number):
            return {inf: "∞", -inf: "−∞"}.get(number, "NaN")
        rounded = f"{number:.{precision}f}"
        if abs(number) >= 1e6 or (number and not rounded.strip("-0.")):
            return f"{number:.{precision}g}"
        return rounded.removeprefix("-") if not rounded.strip("-0.") else rounded

    return say


def _signed(number: float, say: Say) -> str:
    return f"− {say(-number)}" if number < 0 else f"+ {say(number)}"
