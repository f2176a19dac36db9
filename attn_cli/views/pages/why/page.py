"""The page of `attn why`: one cell as lines that can be redone with a pocket calculator, or one row, ranked."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.why import Cell, Key, Row
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.display import Display
from attn_cli.views.drawing.calculations import Say, read, sayer, signed
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Equation, Grid, Heading, Listing, Numbers, Page, Prose
from attn_cli.views.pages.provenance import count, made_with, notes, origin
from attn_cli.views.pages.titles import head_name
from attn_cli.views.pages.why.by_hand import by_hand as redone
from attn_cli.views.pages.why.match import match_lines
from attn_cli.views.pages.why.mismatches import mismatch_lines
from attn_cli.views.pages.why.steps import softmax_lines, step_lines

RANKED = 40
PLENTY = 8
ROUNDED = "Rounded for display, calculated in full: --precision 8 shows more digits."
APPROXIMATE = "≈ marks a line whose result the printed digits do not give to the last digit."


def cell_page(
    trace: Trace,
    layer: Layer,
    cell: Cell,
    display: Display,
    again: str | None = None,
    file: str | None = None,
    *,
    by_hand: bool = False,
) -> Page:
    """Dot product, steps, softmax and value of one cell; `file` is where stored numbers came from.

    With `by_hand` each line is computed from the digits that are printed before it.
    """
    remark = [ROUNDED] if display.precision < PLENTY else []
    if by_hand:
        exact, cell = cell, redone(cell, display.precision)
        remark = [_by_hand(exact, cell.key, display.precision)]
    lines = tuple(_cell(layer, cell, display.precision, full=display.full))
    key, row = cell.key, cell.row
    token = labels([key.token])[0]
    share = "no weight is stored" if key.weight is None else f"{100 * key.weight:.1f}% of its attention"
    share = f"hidden, yet {share}" if key.hidden and key.weight else "hidden" if key.hidden else share
    approximate = any(isinstance(line, Equation) and " ≈ " in line.text for line in lines)
    return (
        Heading(f'{_whose(trace, row)} → "{token}" (key {key.index}): {share}'),
        Prose(origin(trace), faint=True),
        *(Prose(text, faint=True) for text in remark),
        *mismatch_lines(layer, cell.mismatches, display.precision, file),
        *lines,
        *([Prose(APPROXIMATE, faint=True)] if approximate else []),
        *notes(trace),
        *made_with(again),
    )


def _by_hand(exact: Cell, redone: Key, precision: int) -> str:
    """What a reader who redoes the lines should get."""
    start, say = "By hand: each line is computed from the digits printed before it.", sayer(precision)
    stored = exact.key.weight
    if stored is None or redone.weight is None:
        return start
    if exact.mismatches:
        share = f"They give the weight {say(redone.share)}, and " if redone.share is not None else ""
        return f"{start} {share}{say(stored)} is stored."
    same = say(stored) == say(redone.weight)
    return f"{start} The weight is {say(redone.weight)}" + (
        ", as in full." if same else f"; in full it is {say(stored)}."
    )


def row_page(
    trace: Trace, layer: Layer, row: Row, display: Display, again: str | None = None, file: str | None = None
) -> Page:
    """All keys of one query, the most attended first; `file` is where stored numbers came from."""
    say = sayer(display.precision)
    shown = row.keys if display.full else row.keys[:RANKED]
    follows = all(key.follows for key in row.keys)
    stages = list(row.keys[0].scores) if row.keys else []
    columns: list[tuple[str, Sequence[float | None]]] = [
        *((stage, [key.scores[stage] for key in shown]) for stage in stages),
        ("exp", [key.exponential for key in shown]),
        *([] if follows else [("exp / sum", [key.share for key in shown])]),
        ("weight" if follows else "stored weight", [key.weight for key in shown]),
    ]
    columns = [(name, numbers) for name, numbers in columns if any(number is not None for number in numbers)]
    header = ("rank", "key", "token", *(name for name, _ in columns))
    rows = tuple(
        (
            str(place + 1),
            str(key.index),
            labels([key.token])[0],
            *("" if (number := numbers[place]) is None else say(number) for _, numbers in columns),
        )
        for place, key in enumerate(shown)
    )
    return (
        Heading(f"{_whose(trace, row)} looks at {count(len(row.keys), 'key')}"),
        Prose(origin(trace), faint=True),
        *mismatch_lines(layer, row.mismatches, display.precision, file),
        Listing(header, rows, right=frozenset({0, 1, *range(3, len(header))})),
        *_left_out(row.keys[len(shown) :], say),
        *_softmax_notes(row, display.precision, follows=follows),
        *notes(trace),
        *made_with(again),
    )


def _left_out(keys: Sequence[Key], say: Say) -> Iterator[Block]:
    if keys:
        weighed = [key.weight for key in keys if key.weight is not None]
        weigh = f" weigh {say(sum(weighed))} together" if weighed else ""
        yield Prose(f"… {count(len(keys), 'more key')}{weigh}; --full shows all", faint=True)


def _softmax_notes(row: Row, precision: int, *, follows: bool) -> Iterator[Block]:
    if row.largest is None or row.denominator is None or not row.keys:
        return
    if row.denominator == 0:
        yield Equation("exp = 0; weight = 0   (the query sees no key)")
        return
    sink = "" if row.sunk is None else f", of which the sink took {sayer(precision)(row.sunk)}"
    score, named = list(row.keys[0].scores)[-1], "weight" if follows else "exp / sum"
    largest = signed(-row.largest, _finer(row.largest, precision))
    divided = f"exp / {_finer(row.denominator, precision)(row.denominator)}{sink}"
    yield Equation(f"exp = exp({score} {largest}); {named} = {divided}")


def _finer(number: float, precision: int) -> Say:
    """How a number that all rows are redone with is printed: with one more digit, unless it has no more."""
    say = sayer(precision)
    return say if read(say(number)) == number else sayer(precision + 1)


def _cell(layer: Layer, cell: Cell, precision: int, *, full: bool) -> Iterator[Block]:
    say = sayer(precision)
    if cell.match is not None:
        yield from match_lines(cell.match, cell.mismatches, precision, full=full)
    elif cell.key.scores:
        stage, score = next(iter(cell.key.scores.items()))
        yield Prose(f"The arithmetic starts with {stage}: {say(score)}. What made it is not stored.")
    else:
        yield Prose("What made this weight is not stored.")
    yield from step_lines(layer, cell, precision)
    yield from softmax_lines(cell.row, cell.key, precision)
    yield from _value(cell, precision)


def _value(cell: Cell, precision: int) -> Iterator[Block]:
    if cell.value is None or cell.contribution is None or cell.key.weight is None:
        return
    yield Heading("What it brings: the weight times this key's value")
    rows = [cell.value, cell.contribution]
    named = ["V", "weight × V"]
    adds_up = all(mismatch.stage != "head_output" for mismatch in cell.mismatches)
    if not adds_up and cell.blend is not None:
        rows, named = [*rows, cell.blend], [*named, "sum over keys"]
    if cell.head_output is not None:
        rows, named = [*rows, cell.head_output], [*named, "head_output" if adds_up else "stored head_output"]
    from numpy import stack

    yield Numbers((Grid(stack(rows), tuple(named), None),))
    of, to = ("head_output", "it") if adds_up else ("the sum over keys", "that, not to head_output")
    share = f"this key's share of {of}; all {len(cell.row.keys)} add up to {to}"
    yield Equation(f"weight × V = {sayer(precision)(cell.key.weight)} × V: {share}")


def _whose(trace: Trace, row: Row) -> str:
    return f'{head_name(trace, row.layer, row.head)}: "{labels([row.token])[0]}" (query {row.query})'
