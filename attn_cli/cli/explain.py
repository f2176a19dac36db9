"""`attn explain`: every stage, in words, tables and a heatmap."""

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
    brief: Annotated[bool, typer.Option("--brief", help="Leave out the explanations.")] = False,
) -> None:
    """Every stage of attention on TEXT, with formulas, tables, a heatmap and the reading in words."""
    from attn_cli.cli.inputs import trace_of
    from attn_cli.cli.results import Result, again, deliver, look_of

    def page() -> "Page":
        from attn_cli.views.explain import explain_page

        return explain_page(trace, brief=brief, again=again())

    look = look_of(show)
    trace = trace_of(source, choice)
    deliver(Result(page, look, show, trace))
