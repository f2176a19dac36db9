"""`attn heads`: what each head does."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import COUNT, CheckpointOptions, SelectOptions, ShowOptions, SourceOptions


@dataclass(frozen=True)
class Measured:
    """What to measure"""

    by: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="Rank and colour the heads by a metric such as entropy; or by ablation."),
    ] = None
    atlas: Annotated[bool, typer.Option("--atlas", help="Layers × heads coloured by --by, entropy unless set.")] = False
    explain: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="Say what a metric is, and who defined it; all; or names, of heads."),
    ] = None
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND=NUMBER", help="What a name takes, 0 to 1, such as previous_token=0.5."),
    ] = None
    texts: Annotated[
        str | None, typer.Option(metavar="FILE", help="One text a line; figures are averaged. TEXT - reads a pipe so.")
    ] = None
    repeat: Annotated[
        int | None,
        typer.Option(metavar="N", parser=COUNT, help="N random tokens said twice, from --seed, instead of TEXT."),
    ] = None
    writes: Annotated[
        bool, typer.Option("--writes", help="The tokens that each head promotes and suppresses at the last position.")
    ] = False


@grouped
def command(
    source: SourceOptions, checkpoint: CheckpointOptions, measured: Measured, choice: SelectOptions, show: ShowOptions
) -> None:
    """Say what each head does: a name, and metrics such as entropy.

    attn heads -m ./gpt2 "The keys to the old door"
    attn heads -m ./gpt2 --repeat 50 --by induction
    attn heads -m ./gpt2 --texts lines.txt --by entropy
    attn heads -w trace.npz --atlas --by distance
    attn heads --explain induction
    """
    from attn_cli.analysis.heads.head_names import thresholds
    from attn_cli.analysis.heads.heads import heads, ranked
    from attn_cli.analysis.heads.heads_document import definitions_document, heads_csv, heads_document
    from attn_cli.analysis.heads.metric_names import definitions_named, metric_named
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.cli.texts import nothing_to_look_at, traces_of
    from attn_cli.views.pages.heads import Asked, definitions_page, heads_page

    if measured.writes or measured.by == "ablation":
        from attn_cli.cli.next_token import deliver_expecting

        deliver_expecting(source, checkpoint, choice, show, measured)
        return
    display = display_of(show)
    named = None if measured.explain is None else definitions_named(measured.explain)
    if named is not None and nothing_to_look_at(source, checkpoint, measured.texts):
        deliver(Result(lambda: definitions_page(named), display, show, document=lambda: definitions_document(named)))
        return
    least = thresholds(measured.threshold or [])
    by = measured.by or (named.metrics[-1] if named and named.metrics else "entropy" if measured.atlas else None)
    asked = Asked(None if by is None else metric_named(by), measured.atlas, named, again())
    report = heads(traces_of(source, checkpoint, choice, measured.texts, measured.repeat), least, measured.repeat)
    shown = report.heads if asked.by is None else ranked(report, asked.by)
    deliver(
        Result(
            lambda: heads_page(report, shown, asked, display),
            display,
            show,
            document=lambda: heads_document(report, shown, least),
            table=lambda: heads_csv(shown),
        )
    )
