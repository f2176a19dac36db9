"""The pages of `attn heads`: a table of all heads, an atlas colored by a metric, and the definitions of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.heads import Head, HeadsReport
from attn_cli.analysis.heads.metric_names import Named
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.trace.addresses import address
from attn_cli.views.display import Display
from attn_cli.views.drawing.folding import ROWS
from attn_cli.views.page import Block, Grid, Heading, Listing, Page, Picture, Prose
from attn_cli.views.pages.heads_found import found, title_of
from attn_cli.views.pages.provenance import count, made_with, origin

COLUMNS: Mapping[str, str] = {
    "entropy": "entropy",
    "first_token_share": "first",
    "self_share": "self",
    "previous_token.diag": "previous",
    "duplicate_token.diag": "same",
    "induction.diag": "induction",
}
"""The metrics in the table, and the headers of their columns."""
RULE = (
    "The threshold applies to (share − even) / (1 − even): 0 for an even spread under the same mask, 1 for a perfect "
    "head, whatever the length of the text (for `even`, to the normalized entropy). Queries whose key fits a simpler "
    "kind too, such as a previous token that is also the first token, do not count unless there are no others. "
    "Induction and duplicate token take precedence, `even` comes last; among the rest the strongest evidence wins. A "
    "head that passes no threshold is `mixed`. --threshold KIND=NUMBER changes a threshold."
)
NOTHING = "–"
TEXT = 60
"""The most characters of a text in a heading."""
SHORT = 2


@dataclass(frozen=True)
class Asked:
    """Options of the page: rank by a metric, show the atlas alone, explain metrics; and the command that made it."""

    by: str | None
    atlas: bool
    defined: Named | None
    again: str | None


def heads_page(report: HeadsReport, shown: Sequence[Head], asked: Asked, display: Display) -> Page:
    """The heads in the order given, as a table, or colored by a metric, or both."""
    return tuple(_blocks(report, shown, asked, display))


def _blocks(report: HeadsReport, shown: Sequence[Head], asked: Asked, display: Display) -> Iterator[Block]:
    if asked.defined is not None:
        yield from definitions_page(asked.defined)
    if asked.by is None and not asked.atlas:
        yield Heading(_heading(report))
        yield from found(report.heads)
    if asked.by is not None:
        yield Heading(f"{asked.by} of {count(len(report.heads), 'head')}")
        if asked.defined is None:
            yield Prose(METRICS[asked.by].definition)
            yield Prose(f"source: {METRICS[asked.by].source}", faint=True)
    if asked.by is not None and (asked.atlas or len(report.heads) > 1):
        yield _atlas(report, asked.by)
    if asked.atlas:
        yield from _foot(report, asked)
        return
    kept = shown if display.full else shown[:ROWS]
    if asked.by is None:
        yield Heading(f"Metrics of {count(len(kept), 'head')}")
        yield _table(kept, SHORT if display.precision == Display().precision else display.precision)
    else:
        yield _ranking(kept, asked.by, display.precision)
    if len(kept) < len(shown):
        yield Prose(f"… {count(len(shown) - len(kept), 'more head')}; --full shows all", faint=True)
    yield from _legend(report, shown, asked)
    yield from _foot(report, asked)


def _heading(report: HeadsReport) -> str:
    heads = count(len(report.heads), "head")
    if len(report.lengths) > 1:
        return f"{heads} on {len(report.lengths)} texts"
    text = report.trace.text
    return heads if text is None else f'{heads} on "{text if len(text) <= TEXT else text[: TEXT - 1] + "…"}"'


def _foot(report: HeadsReport, asked: Asked) -> Iterator[Block]:
    """The origin, the notes, and the command."""
    yield Prose(_origin(report), faint=True)
    for note in report.notes:
        yield Prose(f"note: {note}", faint=True)
    yield from made_with(asked.again)


def _origin(report: HeadsReport) -> str:
    first = origin(report.trace)
    if len(report.lengths) == 1:
        return first
    low, high = min(report.lengths), max(report.lengths)
    long = f"{low:,} to {high:,} tokens" if low != high else count(low, "token")
    return f"{len(report.lengths)} texts of {long} · {first.partition(' · ')[2]}"


def _atlas(report: HeadsReport, by: str) -> Picture:
    """One cell for each head, a row for each layer; cells without a head are masked."""
    layers = list(dict.fromkeys(head.layer for head in report.heads))
    numbers = sorted({head.head for head in report.heads})
    values = np.full((len(layers), len(numbers)), -np.inf)
    for head in report.heads:
        if (figure := head.metrics[by]) is not None:
            values[layers.index(head.layer), numbers.index(head.head)] = figure
    signed = bool((values[np.isfinite(values)] < 0).any())
    grid = Grid(values, tuple(map(address, layers)), tuple(map(str, numbers)), title="layer × head", signed=signed)
    unit = METRICS[by].unit
    return Picture((grid,), meaning=f"{by}, {unit}" if unit else by)


def _table(heads: Sequence[Head], digits: int) -> Listing:
    header = ("head", "name", *COLUMNS.values())
    rows = tuple(
        (_label(head), title_of(head), *(_number(head.metrics[name], digits) for name in COLUMNS)) for head in heads
    )
    return Listing(header, rows, right=frozenset(range(2, len(header))))


def _ranking(heads: Sequence[Head], by: str, digits: int) -> Listing:
    several = heads[0].spread is not None
    header = ("head", "name", by, *(("±",) if several else ()), "even spread", "lift")
    rows = tuple(
        (
            _label(head),
            title_of(head),
            _number(head.metrics[by], digits),
            *((_number((head.spread or {}).get(by), digits),) if several else ()),
            _number(head.baseline[by], digits),
            NOTHING if head.lift[by] is None else f"×{head.lift[by]:.2f}",
        )
        for head in heads
    )
    return Listing(header, rows, right=frozenset(range(2, len(header))))


def _label(head: Head) -> str:
    return address(head.layer, head.head)


def _number(figure: float | None, digits: int) -> str:
    if figure is None:
        return NOTHING
    return f"{figure:.{digits}f}".replace("-", "−") if round(figure, digits) else f"{0:.{digits}f}"


def _legend(report: HeadsReport, shown: Sequence[Head], asked: Asked) -> Iterator[Block]:
    """The meaning of the numbers, the reasons for undefined ones, and where to find more."""
    if any(head.evidence is not None for head in shown):
        yield Prose(
            "The number after a name: 0 = evenly spread, 1 = a perfect example. --explain names lists the kinds and "
            "their thresholds.",
            faint=True,
        )
    few = [head for head in shown if head.queries is not None and head.queries < 2]
    if few:
        yield Prose(f"Based on a single query: {', '.join(map(_label, few))}.", faint=True)
    if asked.by is None:
        yield Prose("Entropy in nats; the other columns are shares of attention, averaged over queries.", faint=True)
        for reason in dict.fromkeys(report.undefined.values()):
            columns = [f'"{column}"' for name, column in COLUMNS.items() if report.undefined.get(name) == reason]
            if columns:
                are = "are" if len(columns) > 1 else "is"
                yield Prose(f"{', '.join(columns)} {are} undefined ({NOTHING}): {reason}.", faint=True)
    if len(report.lengths) > 1:
        more = "" if asked.by else "; --by METRIC shows it"
        yield Prose(f"Means over {len(report.lengths)} texts, ± their standard deviation{more}.", faint=True)
    if asked.by is None:
        yield Prose(_next(shown), faint=True)


def _next(shown: Sequence[Head]) -> str:
    """What to do next: draw the first head that is shown, or rank the heads."""
    number = shown[0].layer.rpartition(".")[2]
    draw = f"attn heatmap … --layer {number} --head {shown[0].head} draws one head; " if number.isdigit() else ""
    return f"Next: {draw}--by METRIC ranks the heads, --explain METRIC defines it."


def definitions_page(named: Named) -> Page:
    """Definitions and sources of metrics, and the kinds of heads with their thresholds."""
    blocks: list[Block] = []
    for name in named.metrics:
        metric = METRICS[name]
        blocks += [Heading(name), Prose(metric.definition)]
        blocks += [Prose(f"unit: {metric.unit}")] if metric.unit else []
        blocks += [Prose(f"source: {metric.source}")]
        blocks += [Prose(f"undefined if {metric.missing}", faint=True)] if metric.missing else []
    if named.kinds:
        rows = tuple(
            (KINDS[kind].words.format("…"), kind, f"{KINDS[kind].least:g}", KINDS[kind].what) for kind in named.kinds
        )
        blocks += [
            Heading("Names of heads"),
            Listing(("name", "kind", "threshold", "by"), rows, right=frozenset({2})),
            Prose(RULE),
        ]
    return tuple(blocks)
