"""`attn why`: the arithmetic of one cell, or the ranking of one row."""

from typing import Annotated

import typer

from attn_cli.cli.help.completion import complete_tokens
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, SelectOptions, ShowOptions, SourceOptions


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    choice: SelectOptions,
    show: ShowOptions,
    query: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            help="The query: a token, token#2 for its second occurrence, or an index.",
            autocompletion=complete_tokens,
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="The key, spelled likewise. Without it all keys are ranked.",
            autocompletion=complete_tokens,
        ),
    ] = None,
) -> None:
    """Show the arithmetic of one cell, or rank all keys of one query.

    attn why "Transformers are amazing" --query are --key amazing
    attn why "Transformers are amazing" --query are
    attn why "the cat and the dog" --query the#2 --key 0
    attn why -w trace.json --query -1 --layer 0 --head 2
    attn why -m ./gpt2 "The keys are" --head L5.1 --query -1
    """
    from attn_cli.analysis.finding import position_of
    from attn_cli.analysis.tables import why_csv
    from attn_cli.analysis.why import why_cell, why_row
    from attn_cli.analysis.why_document import cell_document, row_document
    from attn_cli.cli.inputs import one_head
    from attn_cli.cli.results import Result, again, deliver, display_of
    from attn_cli.views.pages.why import cell_page, row_page

    display = display_of(show)
    trace, layer, head = one_head(source, checkpoint, choice)
    row = position_of(query, layer.query_tokens, "query")
    if key is None:
        ranked = why_row(layer, head, row)
        page = row_page(trace, layer, ranked, display, again(), source.weights)
        document = row_document(trace, ranked)
    else:
        cell = why_cell(layer, head, row, position_of(key, layer.key_tokens, "key"))
        page = cell_page(trace, layer, cell, display, again(), source.weights)
        document = cell_document(trace, cell)
    deliver(Result(lambda: page, display, show, document=lambda: document, table=lambda: why_csv(document)))
