"""The page of `attn compare`: where two runs part, which stage and which head differs by how much, and pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from attn_cli.analysis.compare import Comparison, Difference
from attn_cli.analysis.logits.prediction import Prediction
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Grid, Heading, Listing, Page, Picture, Prose
from attn_cli.views.pages.provenance import count, origin

HEADS = 12
DRAWN = 6
LOST = 0.001
LONGEST = 300
DIVERGENCE = "Jensen–Shannon, the mean over queries, in nats (0 to 0.693)"


@dataclass(frozen=True)
class Shown:
    """What the reader asked for: a tolerance, stages to draw (None: those that differ), what was changed in B."""

    tolerance: float = 0.0
    pictured: tuple[str, ...] | None = None
    changes: tuple[str, ...] = ()
    again: str | None = None
    expected: Prediction | None = None


def compare_page(a: Trace, b: Trace, found: Comparison, shown: Shown) -> Page:
    """What differs between A and B."""
    return tuple(_blocks(a, b, found, shown))


def _blocks(a: Trace, b: Trace, found: Comparison, shown: Shown) -> Iterator[Block]:
    yield from _sides(a, b, shown)
    if shown.expected is not None:
        yield from _next(shown.expected)
    yield Heading(_verdict(found, shown.tolerance))
    for setting in found.settings:
        where = "" if setting.layer == "layers.0" else f"{setting.layer}: "
        yield Prose(f"{where}{setting.name} is {setting.a} in A, {setting.b} in B")
    yield from _alignment(a, b, found)
    if found.largest:
        rows = tuple(map(_row_of(a), found.stages))
        yield Listing(("stage", "largest", "A", "B", "where"), rows, frozenset({1, 2, 3}))
    for reason in found.left_out:
        yield Prose(f"not compared: {reason}", faint=True)
    if found.largest:
        yield from _heads(found, shown.tolerance)
    pictured = _pictured(found, shown)
    for difference in pictured:
        yield Heading(f"{_named(difference)}: B − A")
        grids = _grids(a, difference)
        drawn = grids if shown.pictured else _most_different(grids)
        yield Picture(drawn, meaning="B − A")
        if len(drawn) < len(grids):
            left = count(len(grids) - len(drawn), "head")
            yield Prose(f"not drawn: {left} that differ less; --stage {difference.stage.name} draws all", faint=True)
    if shown.pictured is None and sum(difference.largest > 0 for difference in found.stages) > len(pictured):
        yield Prose("--stage all draws the other stages too, --stage output one of them", faint=True)


def _sides(a: Trace, b: Trace, shown: Shown) -> Iterator[Block]:
    """What A and B are, what both notes say, then what one of them alone says."""
    for name, trace, changes in (("A", a, ()), ("B", b, shown.changes)):
        text = [] if trace.text is None else [f'"{_cut(trace.text)}"']
        words = " ".join([*text, *(f"with {change}" for change in changes)])
        yield Prose(" · ".join(part for part in (f"{name}: {words}".rstrip(": "), origin(trace)) if part))
    for note in dict.fromkeys((*a.notes, *b.notes)):
        whose = "" if note in a.notes and note in b.notes else " of A" if note in a.notes else " of B"
        yield Prose(f"note{whose}: {note}", faint=True)
    if shown.again:
        yield Prose(f"again: {shown.again}", faint=True)


def _next(expected: Prediction) -> Iterator[Block]:
    """The next tokens' probabilities in A and B."""
    moved = expected.shift
    yield Heading(f"Next token: the prediction moves by {moved.kl:.4g}")
    rows = [
        (
            f'"{labels([token.token])[0]}"',
            f"{100 * token.before:.2f} %",
            f"{100 * token.after:.2f} %",
            f"{100 * (token.after - token.before):+.2f}",
        )
        for token in expected.tokens
    ]
    yield Listing(("token", "A", "B", "B − A, points"), tuple(rows), frozenset({1, 2, 3}))
    yield Prose(
        f'moves by: KL(A ‖ B) in nats; the log-probability of A\'s likeliest, "{labels([expected.top])[0]}", '
        f"changes by {moved.log_change:+.4g}",
        faint=True,
    )


def _heads(found: Comparison, tolerance: float) -> Iterator[Block]:
    """How far the weights of each head lie apart."""
    differ = [head for head in found.heads if head.largest > tolerance]
    by, beyond = (f" by more than {tolerance:g}", f" beyond {tolerance:g}") if tolerance else ("", "")
    if len(found.heads) == 1:
        yield Prose(f"The weights diverge by {found.heads[0].js:.4g}: {DIVERGENCE}")
    elif found.heads and not differ:
        yield Prose(f"The weights of no head differ{by}.")
    elif found.heads:
        yield Heading("Heads, the most different first")
        yield Prose(f"divergence: {DIVERGENCE}", faint=True)
        rows = [(head.layer, str(head.head), f"{head.js:.4g}", f"{head.largest:.4g}") for head in differ[:HEADS]]
        yield Listing(("layer", "head", "divergence", "largest difference"), tuple(rows), frozenset({1, 2, 3}))
        if len(differ) < len(found.heads):
            yield Prose(f"no difference{beyond} in {count(len(found.heads) - len(differ), 'head')}", faint=True)
        if len(differ) > HEADS:
            yield Prose(f"… {count(len(differ) - HEADS, 'more head')}, in --json", faint=True)


def _pictured(found: Comparison, shown: Shown) -> list[Difference]:
    """The stages that were asked for, else where A and B part, and the weights that differ most."""
    if shown.pictured is not None:
        return [difference for difference in found.stages if difference.stage.name in shown.pictured]
    weights = [difference for difference in found.stages if difference.stage.name == "weights" and difference.largest]
    chosen = [found.first(shown.tolerance), max(weights, key=lambda difference: difference.largest, default=None)]
    return [difference for difference in found.stages if difference in chosen]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _verdict(found: Comparison, tolerance: float) -> str:
    first = found.first(tolerance)
    if first is None:
        by = f" by more than {tolerance:g}" if tolerance else ""
        most = f", the largest difference is {found.largest:.4g}" if found.largest else ""
        return f"No stage differs{by}: {count(len(found.stages), 'stage')} compared{most}"
    return f"A and B part at {_named(first)}: they differ by up to {first.largest:.4g}"


def _named(difference: Difference) -> str:
    return difference.stage.name if difference.layer == "layers.0" else f"{difference.layer}.{difference.stage.name}"


def _alignment(a: Trace, b: Trace, found: Comparison) -> Iterator[Block]:
    """The tokens that are not the same in both, or stand alone."""
    one, other = a.layers[0], b.layers[0]
    for what, pairs, mine, theirs in (
        ("query", found.queries, one.query_tokens, other.query_tokens),
        ("key", found.keys, one.key_tokens, other.key_tokens),
    ):
        if what == "key" and (mine, theirs) == (one.query_tokens, other.query_tokens):
            continue
        changed = [(mine[i], theirs[j]) for i, j in pairs if mine[i] != theirs[j]]
        for old, new in changed[:HEADS]:
            yield Prose(f'"{labels([old])[0]}" in A stands for "{labels([new])[0]}" in B')
        alone = [len(mine) - len(pairs), len(theirs) - len(pairs)]
        for name, alone_here in zip("AB", alone, strict=True):
            if alone_here:
                rest = "has no partner and is" if alone_here == 1 else "have no partner and are"
                yield Prose(f"{count(alone_here, 'token')} of {name} (as {what}) {rest} left out", faint=True)


def _row_of(a: Trace) -> Callable[[Difference], tuple[str, ...]]:
    layers = {layer.name: layer for layer in a.layers}

    def row(difference: Difference) -> tuple[str, ...]:
        where = "" if not difference.largest else _where(layers[difference.layer], difference)
        return (
            _named(difference),
            f"{difference.largest:.4g}",
            *(f"{value:.6g}" if difference.largest else "" for value in (difference.a, difference.b)),
            where,
        )

    return row


def _where(layer: Layer, difference: Difference) -> str:
    head, row, column = difference.place
    names = labels(layer.rows_of(difference.stage))
    place = f'"{names[difference.rows[row][0]]}"'
    if difference.columns is not None:
        place += f' → "{labels(layer.key_tokens)[difference.columns[column][0]]}"'
    elif difference.stage.kind.columns is not None:
        place += f", feature {column}"
    return (
        place
        if difference.heads[head] is None or len(difference.heads) == 1
        else f"head {difference.heads[head]}: {place}"
    )


def _most_different(grids: tuple[Grid, ...]) -> tuple[Grid, ...]:
    """The few heads whose difference is not lost beside the largest, in their order."""
    sizes = [float(abs(grid.values).max(initial=0.0)) for grid in grids]
    least = sorted(sizes)[-DRAWN:][0]
    return tuple(g for g, size in zip(grids, sizes, strict=True) if size >= max(least, LOST * max(sizes)))


def _grids(a: Trace, difference: Difference) -> tuple[Grid, ...]:
    layer = next(layer for layer in a.layers if layer.name == difference.layer)
    rows, columns = layer.rows_of(difference.stage), layer.columns_of(difference.stage)
    return tuple(
        Grid(
            values=values,
            rows=tuple(rows[i] for i, _ in difference.rows),
            columns=None
            if difference.columns is None or columns is None
            else tuple(columns[i] for i, _ in difference.columns),
            title="" if head is None or len(difference.heads) == 1 else f"head {head}",
            signed=True,
        )
        for head, values in zip(difference.heads, difference.values, strict=True)
    )
