"""`attn compare`: where two runs differ."""

from dataclasses import dataclass
from typing import Annotated

import typer

from attn_cli.cli.groups import grouped
from attn_cli.cli.options import Choice, Show, Source

OneSide = Annotated[str | None, typer.Argument(metavar="A", help="A text, or a document's path.", show_default=False)]


@dataclass(frozen=True)
class Sides(Source):
    """The source of A; the options hold for both sides."""

    text: OneSide = None


@grouped
def command(
    source: Sides,
    choice: Choice,
    show: Show,
    other: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another one; left out where --with says what changes.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME=VALUE", help="A setting of B alone, such as mask=causal."),
    ] = None,
    tolerance: Annotated[float, typer.Option(metavar="NUMBER", help="Differences up to this are none.")] = 0.0,
) -> int:
    """Where two texts, documents or traces differ, or one under two settings; exit 3 if by more than --tolerance."""
    from attn_cli.analysis.compare import compare
    from attn_cli.analysis.documents import compare_document
    from attn_cli.cli.inputs import checked_tolerance, stages_of, two_traces
    from attn_cli.cli.results import Result, again, deliver, look_of
    from attn_cli.views.compare import Shown, compare_page

    look, limit = look_of(show), checked_tolerance(tolerance)
    a, b = two_traces(source, other, changes or [], choice)
    found = compare(a, b)
    pictured = stages_of(choice)
    deliver(
        Result(
            lambda: compare_page(a, b, found, Shown(limit, pictured, tuple(changes or ()), again())),
            look,
            show,
            document=lambda: compare_document(a, b, found, limit),
        )
    )
    return 3 if found.first(limit) else 0
