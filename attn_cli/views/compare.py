"""The page of `attn compare`: where two runs part, which stage and which head differs by how much, and pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from attn_cli.analysis.compare import Comparison, Difference
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.page import Block, Grid, Heading, Listing, Page, Picture, Prose
from attn_cli.views.provenance import provenance
from attn_cli.views.text import labels

HEADS = 12


@dataclass(frozen=True)
class Shown:
    """What the reader asked for: a tolerance, stages to draw (None: those that differ), what was changed in B."""

    tolerance: float = 0.0
    pictured: tuple[str, ...] | None = None
    changes: tuple[str, ...] = ()
    again: str | None = None


def compare_page(a: Trace, b: Trace, found: Comparison, shown: Shown) -> Page:
    """What differs between A and B."""
    return tuple(_blocks(a, b, found, shown))


def _blocks(a: Trace, b: Trace, found: Comparison, shown: Shown) -> Iterator[Block]:
    for name, trace, changes in (("A", a, ()), ("B", b, shown.changes)):
        text = [] if trace.text is None else [f'"{trace.text}"']
        yield Prose(f"{name}: {' '.join([*text, *(f'with {change}' for change in changes)])}".rstrip(": "))
        yield from provenance(trace, shown.again if name == "B" else None)
    yield Heading(_verdict(found, shown.tolerance))
    for setting in found.settings:
        yield Prose(f"{setting.layer}: {setting.name} is {setting.a} in A, {setting.b} in B")
    yield from _alignment(a, b, found)
    yield Listing(
        ("stage", "largest", "A", "B", "where"), tuple(map(_row_of(a), found.stages)), frozenset({1, 2, 3})
    )
    for reason in found.left_out:
        yield Prose(f"not compared: {reason}", faint=True)
    if len(found.heads) > 1:
        yield Heading("Heads by Jensen–Shannon divergence of their weights, mean over queries, in nats (0 to 0.693)")
        rows = [(head.layer, str(head.head), f"{head.js:.4g}", f"{head.largest:.4g}") for head in found.heads[:HEADS]]
        yield Listing(("layer", "head", "divergence", "largest difference"), tuple(rows), frozenset({1, 2, 3}))
        if len(found.heads) > HEADS:
            yield Prose(f"… {len(found.heads) - HEADS} more heads, in --json", faint=True)
    elif found.heads:
        yield Prose(
            f"Jensen–Shannon divergence of the weights: {found.heads[0].js:.4g} nats (0 to 0.693), mean over queries"
        )
    for difference in found.stages:
        if difference.largest > 0 if shown.pictured is None else difference.stage.name in shown.pictured:
            yield Heading(f"{_named(difference)}: B − A")
            yield Picture(_grids(a, difference), meaning="B − A")


def _verdict(found: Comparison, tolerance: float) -> str:
    first = found.first(tolerance)
    above = f"above {tolerance:g}" if tolerance else "at all"
    if first is None:
        return f"No stage differs {above}: {len(found.stages)} compared, largest difference {found.largest:.4g}"
    return f"A and B part at {_named(first)}: {first.largest:.4g}"


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
        for name, count in zip("AB", alone, strict=True):
            if count:
                tokens = "1 token" if count == 1 else f"{count} tokens"
                yield Prose(f"{tokens} of {name} (as {what}) has no partner and is left out", faint=True)


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
