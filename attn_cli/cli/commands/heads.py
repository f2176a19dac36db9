"""`attn heads`: what each head does."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.help.choices import completing
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import COUNT, CheckpointOptions, HeadOptions, ShowOptions, SourceOptions

TextOrLines = Annotated[
    str | None,
    typer.Argument(metavar="[TEXT]", help="The text; - reads standard input, one text per line.", show_default=False),
]


@dataclass(frozen=True)
class Texts(SourceOptions):
    """The texts; results of several are averaged"""

    text: TextOrLines = None


@dataclass(frozen=True)
class Measured:
    """Metrics"""

    by: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="Rank and color heads by a metric: {metrics}.",
            autocompletion=completing("metrics"),
        ),
    ] = None
    atlas: Annotated[bool, typer.Option("--atlas", help="Draw layers × heads, colored by --by. Default: entropy.")] = (
        False
    )
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="Explain a metric of --by and cite its source; all for every metric, names for the head types.",
            autocompletion=completing("definitions"),
        ),
    ] = None
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE=NUMBER",
            help="The evidence that a head type needs, from 0 to 1: previous_token=0.5. TYPE is {head_types}.",
            autocompletion=completing("head_types"),
        ),
    ] = None
    texts: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file with one text per line; results are averaged.")
    ] = None
    repeat: Annotated[
        int | None,
        typer.Option(metavar="N", parser=COUNT, help="Instead of TEXT: N random tokens, from --seed, repeated once."),
    ] = None
    writes: Annotated[
        bool,
        typer.Option("--writes", help="Show the tokens that each head promotes and suppresses at the last position."),
    ] = False


@grouped
def command(
    measured: Measured, source: Texts, checkpoint: CheckpointOptions, choice: HeadOptions, show: ShowOptions
) -> None:
    """Show what each head does: its type, and metrics such as entropy.

    attn heads -m ./gpt2 "The keys to the old door"
    attn heads -m ./gpt2 --repeat 50 --by induction
    attn heads -m ./gpt2 --texts lines.txt --by entropy
    attn heads -w trace.npz --atlas --by distance
    attn heads --explain induction
    """
    from attn_cli.analysis.heads.document import definitions_document, heads_csv, heads_document
    from attn_cli.analysis.heads.head_names import thresholds
    from attn_cli.analysis.heads.heads import heads, ranked
    from attn_cli.analysis.heads.metric_names import definitions_named, metric_named
    from attn_cli.analysis.heads.orders import ORDERS, ordered
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.cli.texts import has_input, traces_of
    from attn_cli.views.pages.heads import Asked, definitions_page, heads_page

    if measured.writes or measured.by == "ablation":
        from attn_cli.cli.next_token import deliver_next_token

        deliver_next_token(source, checkpoint, choice, show, measured)
        return
    display = display_of(show)
    named = None if measured.explain is None else definitions_named(measured.explain)
    if named is not None and not has_input(source, checkpoint, measured.texts):
        deliver(Result(lambda: definitions_page(named), display, show, document=lambda: definitions_document(named)))
        return
    least = thresholds(measured.threshold or [])
    by = measured.by or (named.metrics[-1] if named and named.metrics else "entropy" if measured.atlas else None)
    order = by if by in ORDERS else None
    view = Asked(None if by is None or order else metric_named(by), measured.atlas, named, again())
    report = heads(traces_of(source, checkpoint, choice, measured.texts, measured.repeat), least, measured.repeat)
    shown = report.heads if view.by is None else ranked(report, view.by)
    if order is not None:
        shown = ordered(report.heads, order)
    leading = ordered(report.heads, "evidence") if view.by is None and order is None else shown
    deliver(
        Result(
            lambda: heads_page(report, leading, view, display),
            display,
            show,
            document=lambda: heads_document(report, shown, least),
            table=lambda: heads_csv(shown),
        )
    )
