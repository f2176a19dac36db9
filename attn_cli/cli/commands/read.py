"""`attn read`: the text itself, painted by attention."""

from typing import Annotated

import typer

from attn_cli.cli.help.choices import completing
from attn_cli.cli.help.completion import complete_queries
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions, WhatIfOptions


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    show: ShowOptions,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="The query: a token, token#2 for its second occurrence, an index, or all for the mean over all "
            "queries. Default: -1, the last.",
            autocompletion=complete_queries,
        ),
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Show each head on its own instead of their mean.")] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Leave out keys and rescale the rest: a token, an index, {dropped}. May be repeated.",
            autocompletion=completing("dropped"),
        ),
    ] = None,
    color_scale: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How weights become colors: {color_scales}. Default: linear.",
            autocompletion=completing("color_scales"),
        ),
    ] = None,
) -> None:
    """Show the text itself, painted by what a query looks at.

    attn read "The cat sat on the mat" --query sat
    attn read -m ./gpt2 - < app.log
    attn read -m ./gpt2 "The keys are" --head L5.2
    attn read -m ./gpt2 "The keys are" --layer 5 --query all --drop first
    """
    from attn_cli.analysis.read import choosing, text_read
    from attn_cli.analysis.read_document import read_csv, read_document
    from attn_cli.cli.inputs import gathered_of
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.views.pages.read import read_page

    display = display_of(show, color_scale=color_scale)
    gathered = gathered_of(source, checkpoint, change, choice, choosing(query))
    dropped = [key for key in drop or () if key != "none"]
    read = text_read(gathered, each=each, drop=dropped)
    deliver(
        Result(
            lambda: read_page(read, again(), show.precision or 0),
            display,
            show,
            document=lambda: read_document(read),
            table=lambda: read_csv(read),
        )
    )
