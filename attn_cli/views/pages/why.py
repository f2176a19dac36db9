"""The page of `attn why`: one cell as lines that can be redone with a pocket calculator, or one row, ranked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isfinite
from types import MappingProxyType

from attn_cli.analysis.changes import ScoreChange
from attn_cli.analysis.why import Cell, Key, QueryKeyProduct, Row
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.display import Display
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Equation, Grid, Heading, Listing, Numbers, Page, Prose
from attn_cli.views.pages.provenance import count, provenance
from attn_cli.views.pages.titles import head_name

RIVALS = 5
RANKED = 40
PLENTY = 8
TERMS = 16

Say = Callable[[float], str]


def cell_page(trace: Trace, layer: Layer, cell: Cell, display: Display, again: str | None = None) -> Page:
    """Dot product, steps, softmax and value of one cell."""
    return tuple(_cell(trace, layer, cell, display, again))


def row_page(trace: Trace, row: Row, display: Display, again: str | None = None) -> Page:
    """All keys of one query, the most attended first."""
    say = _sayer(display.precision)
    stages = list(row.keys[0].scores) if row.keys else []
    header = ("rank", "key", "token", *stages, "exp", "weight")
    shown = row.keys if display.full else row.keys[:RANKED]
    rows = tuple(
        (
            str(rank),
            str(key.index),
            labels([key.token])[0],
            *(say(score) for score in key.scores.values()),
            "" if key.exponential is None else say(key.exponential),
            "" if key.weight is None else say(key.weight),
        )
        for rank, key in enumerate(shown, start=1)
    )
    return (
        *provenance(trace, again),
        Heading(f"{_whose(trace, row)} looks at {count(len(row.keys), 'key')}"),
        Listing(header, rows, right=frozenset({0, 1, *range(3, len(header))})),
        *_left_out(row.keys[len(shown) :], say),
        *_softmax_notes(row, say),
    )


def _left_out(keys: Sequence[Key], say: Say) -> Iterator[Block]:
    if keys:
        weighed = [key.weight for key in keys if key.weight is not None]
        weigh = f" weigh {say(sum(weighed))} together" if weighed else ""
        yield Prose(f"… {count(len(keys), 'more key')}{weigh}; --full shows all", faint=True)


def _cell(trace: Trace, layer: Layer, cell: Cell, display: Display, again: str | None) -> Iterator[Block]:
    row, key, say = cell.row, cell.key, _sayer(display.precision)
    token = labels([key.token])[0]
    yield from provenance(trace, again)
    if display.precision < PLENTY:
        yield Prose(f"Shown to a few digits and carried with all: --precision {PLENTY} prints more.", faint=True)
    share = "no weight is stored" if key.weight is None else f"{100 * key.weight:.1f} % of its attention"
    yield Heading(f'{_whose(trace, row)} → "{token}" (key {key.index}): {"hidden" if key.hidden else share}')
    if cell.match is not None:
        yield from _match(cell.match, say, display.full)
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


def _match(match: QueryKeyProduct, say: Say, full: bool) -> Iterator[Block]:
    yield Heading(f"The match: {match.q} · {match.k}, feature by feature, the largest first")
    shown = match.terms if full else match.terms[:TERMS]
    rows = tuple((str(term.feature), say(term.q), say(term.k), say(term.product), say(term.total)) for term in shown)
    yield Listing(("feature", match.q, match.k, "product", "sum so far"), rows, right=frozenset(range(5)))
    if len(shown) < len(match.terms):
        rest = match.score - shown[-1].total
        left = len(match.terms) - len(shown)
        adds = "adds" if left == 1 else "add"
        yield Prose(f"… {count(left, 'more feature')} {adds} {say(rest)}; --full shows all", faint=True)
    yield Equation(f"score = {say(match.score)}")
    if match.unturned is not None:
        turned = match.score - match.unturned
        does = f"takes {say(-turned)} away" if turned < 0 else f"adds {say(turned)}"
        yield Equation(f"without rotation = {say(match.unturned)}   (rotating {does})")


def _scaled(change: ScoreChange, say: Say, layer: Layer) -> str:
    factor = change.numbers.get("factor")
    times = "" if factor is None else f" × {factor:.10g}"
    return f"scaled = {say(change.before)}{times} = {say(change.after)}{_root(layer, factor)}"


def _root(layer: Layer, factor: float | None) -> str:
    width = layer["Q"].shape[2] if "Q" in layer else 0
    return f"   (1/√{width})" if width and factor == width**-0.5 else ""


def _softcapped(change: ScoreChange, say: Say, layer: Layer) -> str:
    cap = change.numbers.get("cap")
    if cap is None:
        return f"softcapped = {say(change.after)}"
    return f"softcapped = {cap:.10g} × tanh({say(change.before)} / {cap:.10g}) = {say(change.after)}"


def _biased(change: ScoreChange, say: Say, layer: Layer) -> str:
    numbers = change.numbers
    slope = f" − {numbers['slope']:.10g} × {numbers['distance']:.10g}" if "slope" in numbers else ""
    bias = f" {_signed(numbers['bias'], say)}" if "bias" in numbers else ""
    named = f"   (ALiBi: slope × distance{', then a bias' if bias else ''})" if slope else "   (a bias is added)"
    return f"biased = {say(change.before)}{slope}{bias} = {say(change.after)}{named}"


def _masked(change: ScoreChange, say: Say, layer: Layer) -> str:
    if change.after == change.before:
        return f"masked = {say(change.after)}   (the query may look here)"
    cause = f"the mask {layer.settings.mask}" if layer.settings.mask != "none" else "a mask"
    return f"masked = −∞   ({cause} hides this key: it weighs exactly 0)"


_STEPS: Mapping[str, Callable[[ScoreChange, Say, Layer], str]] = MappingProxyType(
    {"scaled": _scaled, "softcapped": _softcapped, "biased": _biased, "masked": _masked}
)


def _softmax(row: Row, key: Key, say: Say) -> Iterator[Block]:
    if row.largest is None or row.denominator is None or key.exponential is None:
        return
    seen = [rival for rival in row.keys if rival is key or not rival.hidden]
    hidden = sum(rival.hidden for rival in row.keys)
    yield Heading(f"The share: softmax over {count(len(row.keys), 'key')}" + (f", {hidden} hidden" if hidden else ""))
    if key.hidden:
        yield Equation("exponential = exp(−∞) = 0")
    else:
        score = list(key.scores.values())[-1]
        less = f"exp({say(score)} {_signed(-row.largest, say)})"
        yield Equation(f"exponential = {less} = {say(key.exponential)}   (less the row's largest)")
    rivals = [rival for rival in seen if rival is not key][:RIVALS]
    shown = sorted([key, *rivals], key=seen.index)
    names = dict(zip((rival.index for rival in shown), labels([rival.token for rival in shown]), strict=True))
    parts = [f"{say(rival.exponential or 0)} ({names[rival.index]})" for rival in shown]
    others = len(seen) - len(shown)
    if others:
        rest = sum(rival.exponential or 0 for rival in seen if rival not in shown)
        parts.append(f"{say(rest)} ({others} more)")
    if row.sink is not None:
        parts.append(f"{say(row.sink * row.denominator)} (the sink)")
    yield Equation(f"denominator = {' + '.join(parts)} = {say(row.denominator)}")
    if key.weight is not None:
        yield Equation(f"weight = {say(key.exponential)} / {say(row.denominator)} = {say(key.weight)}")


def _softmax_notes(row: Row, say: Say) -> Iterator[Block]:
    if row.largest is not None and row.denominator is not None:
        sink = "" if row.sink is None else f", of which the sink took {say(row.sink * row.denominator)}"
        score = list(row.keys[0].scores)[-1]
        yield Equation(f"exp = exp({score} {_signed(-row.largest, say)}); weight = exp / {say(row.denominator)}{sink}")


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


def _whose(trace: Trace, row: Row) -> str:
    return f'{head_name(trace, row.layer, row.head)}: "{labels([row.token])[0]}" (query {row.query})'


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
