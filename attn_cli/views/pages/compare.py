"""The page of `attn compare`: the first difference, all stages and heads with their differences, and pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from attn_cli.analysis.compare import Comparison, Difference
from attn_cli.analysis.logits.prediction import Prediction
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Command, Heading, Listing, Page, Prose
from attn_cli.views.pages.compare_pictures import named, pictures
from attn_cli.views.pages.provenance import count, origin
from attn_cli.views.pages.titles import head_name

HEADS = 12
LONGEST = 300
DIGITS = range(4, 18)
"""How many digits the numbers of A and B may be printed with."""
DIVERGENCE = "Jensen–Shannon, averaged over queries, in nats (0 to 0.693)"


@dataclass(frozen=True)
class Shown:
    """Options of the page: a tolerance, the stages to draw (None: those that differ), the changes that made B."""

    tolerance: float = 0.0
    pictured: tuple[str, ...] | None = None
    changes: tuple[str, ...] = ()
    again: str | None = None
    expected: Prediction | None = None


def compare_page(a: Trace, b: Trace, comparison: Comparison, shown: Shown) -> Page:
    """The differences between A and B."""
    return tuple(_blocks(a, b, comparison, shown))


def _blocks(a: Trace, b: Trace, comparison: Comparison, shown: Shown) -> Iterator[Block]:
    if shown.expected is not None:
        yield from _next(shown.expected)
    yield Heading(_verdict(comparison, shown.tolerance))
    yield from _runs(a, b, shown)
    for setting in comparison.settings:
        where = "" if setting.layer == "layers.0" else f"{address(setting.layer)}: "
        yield Prose(f"{where}{setting.name} is {setting.a} in A, {setting.b} in B")
    yield from _alignment(comparison)
    if comparison.largest:
        differ = [difference for difference in comparison.stages if difference.largest]
        yield Listing(("stage", "largest", "A", "B", "where"), tuple(map(_row_of(a), differ)), frozenset({1, 2, 3}))
        if alike := [named(difference) for difference in comparison.stages if not difference.largest]:
            yield Prose(f"the same in A and B: {', '.join(alike)}", faint=True)
    for reason in comparison.left_out:
        yield Prose(f"not compared: {reason}", faint=True)
    if comparison.largest:
        yield from _heads(comparison, shown.tolerance)
    pictured = _pictured(comparison, shown)
    for difference in pictured:
        yield from pictures(a, b, difference, every=shown.pictured is not None)
    if shown.pictured is None and sum(difference.largest > 0 for difference in comparison.stages) > len(pictured):
        yield Prose("--stage all draws the other stages too, --stage output only the output", faint=True)
    yield from _remarks(a, b, shown)


def _runs(a: Trace, b: Trace, shown: Shown) -> Iterator[Block]:
    """One line about A and one about B."""
    for name, trace, changes in (("A", a, ()), ("B", b, shown.changes)):
        text = [] if trace.text is None else [f'"{_cut(trace.text)}"']
        words = " ".join([*text, *(f"with {change}" for change in changes)])
        yield Prose(" · ".join(part for part in (f"{name}: {words}".rstrip(": "), origin(trace)) if part))


def _remarks(a: Trace, b: Trace, shown: Shown) -> Iterator[Block]:
    """The notes, with the run's name if the other lacks the note, and the command."""
    for note in dict.fromkeys((*a.notes, *b.notes)):
        whose = "" if note in a.notes and note in b.notes else " of A" if note in a.notes else " of B"
        yield Prose(f"note{whose}: {note}", faint=True)
    if shown.again:
        yield Command(shown.again)


def _next(expected: Prediction) -> Iterator[Block]:
    """The next tokens' probabilities in A and B."""
    moved = expected.shift
    yield Heading(f"Next token: the prediction changes by {moved.kl:.4g}")
    rows = [
        (
            f'"{labels([token.token])[0]}"',
            f"{100 * token.before:.2f}%",
            f"{100 * token.after:.2f}%",
            f"{100 * (token.after - token.before):+.2f}",
        )
        for token in expected.tokens
    ]
    yield Listing(("token", "A", "B", "B − A, points"), tuple(rows), frozenset({1, 2, 3}))
    yield Prose(
        f'KL(A ‖ B) in nats; the log-probability of A\'s likeliest token, "{labels([expected.top])[0]}", '
        f"changes by {moved.log_change:+.4g}",
        faint=True,
    )


def _heads(comparison: Comparison, tolerance: float) -> Iterator[Block]:
    """The divergence of each head's weights."""
    differ = [head for head in comparison.heads if head.largest > tolerance]
    by, beyond = (f" by more than {tolerance:g}", f" beyond {tolerance:g}") if tolerance else ("", "")
    if len(comparison.heads) == 1:
        yield Prose(f"The weights diverge by {comparison.heads[0].js:.4g}: {DIVERGENCE}")
    elif comparison.heads and not differ:
        yield Prose(f"The weights of all heads agree{by.replace('by more than', 'to within')}.")
    elif comparison.heads:
        yield Heading("Heads, the most different first")
        yield Prose(f"divergence: {DIVERGENCE}", faint=True)
        rows = [(address(head.layer, head.head), f"{head.js:.4g}", f"{head.largest:.4g}") for head in differ[:HEADS]]
        yield Listing(("head", "divergence", "largest difference"), tuple(rows), frozenset({1, 2}))
        if len(differ) < len(comparison.heads):
            yield Prose(f"no difference{beyond} in {count(len(comparison.heads) - len(differ), 'head')}", faint=True)
        if len(differ) > HEADS:
            yield Prose(f"… {count(len(differ) - HEADS, 'more head')}, in --json", faint=True)


def _pictured(comparison: Comparison, shown: Shown) -> list[Difference]:
    """The chosen stages, else the first stage that differs and the weights that differ most."""
    stages = comparison.stages
    if shown.pictured is not None:
        return [difference for difference in stages if difference.stage.name in shown.pictured]
    weights = [difference for difference in stages if difference.stage.name == "weights" and difference.largest]
    chosen = [comparison.first(shown.tolerance), max(weights, key=lambda weight: weight.largest, default=None)]
    return [difference for difference in stages if difference in chosen]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _verdict(comparison: Comparison, tolerance: float) -> str:
    first = comparison.first(tolerance)
    if first is None:
        by = f" by more than {tolerance:g}" if tolerance else ""
        most = f", the largest difference is {comparison.largest:.4g}" if comparison.largest else ""
        return f"No stage differs{by}: {count(len(comparison.stages), 'stage')} compared{most}"
    return f"First difference: {named(first)} (up to {first.largest:.4g})"


def _alignment(comparison: Comparison) -> Iterator[Block]:
    """The tokens that differ between A and B, and the number of tokens without a partner."""
    in_a, in_b = comparison.layers
    for what, pairs, tokens_a, tokens_b in (
        ("query", comparison.queries, in_a.query_tokens, in_b.query_tokens),
        ("key", comparison.keys, in_a.key_tokens, in_b.key_tokens),
    ):
        if what == "key" and (tokens_a, tokens_b) == (in_a.query_tokens, in_b.query_tokens):
            continue
        changed = [(tokens_a[i], tokens_b[j]) for i, j in pairs if tokens_a[i] != tokens_b[j]]
        for old, new in changed[:HEADS]:
            yield Prose(f'"{labels([old])[0]}" in A is paired with "{labels([new])[0]}" in B')
        unpaired = [len(tokens_a) - len(pairs), len(tokens_b) - len(pairs)]
        for name, number in zip("AB", unpaired, strict=True):
            if number:
                rest = "has no partner and is" if number == 1 else "have no partner and are"
                yield Prose(f"{count(number, 'token')} of {name} (as {what}) {rest} left out", faint=True)


def _row_of(a: Trace) -> Callable[[Difference], tuple[str, ...]]:
    layers = {layer.name: layer for layer in a.layers}

    def row(difference: Difference) -> tuple[str, ...]:
        where = _where(a, layers[difference.layer], difference)
        return (
            named(difference),
            f"{difference.largest:.4g}",
            *_apart(difference),
            where,
        )

    return row


def _apart(difference: Difference) -> tuple[str, str]:
    """The numbers of A and B with the digits that give their printed difference."""
    digits = next((digits for digits in DIGITS if _shows(difference, digits)), DIGITS[0])
    return f"{difference.a:.{digits}g}", f"{difference.b:.{digits}g}"


def _shows(difference: Difference, digits: int) -> bool:
    printed = [float(f"{value:.{digits}g}") for value in (difference.a, difference.b)]
    return f"{abs(printed[1] - printed[0]):.4g}" == f"{difference.largest:.4g}"


def _where(a: Trace, layer: Layer, difference: Difference) -> str:
    head, row, column = difference.index
    names = labels(layer.rows_of(difference.stage))
    cell = f'"{names[difference.rows[row][0]]}"'
    if difference.columns is not None:
        cell += f' → "{labels(layer.key_tokens)[difference.columns[column][0]]}"'
    elif difference.stage.kind.columns is not None:
        cell += f", feature {column}"
    single = difference.heads[head] is None or len(difference.heads) == 1
    number = difference.heads[head]
    return cell if single or number is None else f"{head_name(a, layer.name, number)}: {cell}"
