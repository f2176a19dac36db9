"""`attn heatmap`: one picture of one stage."""

from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.groups import grouped
from attn_cli.cli.options import Choice, Show, Source

if TYPE_CHECKING:
    from attn_cli.views.page import Page


@grouped
def command(
    source: Source,
    choice: Choice,
    show: Show,
    numbers: Annotated[bool, typer.Option("--numbers", help="Print the value in each cell.")] = False,
) -> None:
    """A heatmap of one stage, the weights unless --stage names another, for one head or all."""
    from attn_cli.cli.inputs import trace_of
    from attn_cli.cli.results import Result, again, deliver, look_of

    def page() -> "Page":
        from attn_cli.views.explain import heatmap_page

        return heatmap_page(trace, again=again())

    look = look_of(show, numbers=numbers)
    trace = trace_of(source, choice, default=("weights",))
    deliver(Result(page, look, show, trace))
