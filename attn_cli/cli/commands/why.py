"""`attn why`: the arithmetic of one cell, or the ranking of one row."""

from dataclasses import replace
from typing import Annotated

import typer

from attn_cli.cli.help.completion import complete_tokens
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import CheckpointOptions, HeadOptions, ShowOptions, SourceOptions
from attn_cli.errors import UsageError


@grouped
def command(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    choice: HeadOptions,
    show: ShowOptions,
    query: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="The query: a token, token#2 for its second occurrence, or an index. Default: the last, with the key "
            "that it looks at most.",
            autocompletion=complete_tokens,
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="The key, spelled likewise. Without it all keys of --query are ranked.",
            autocompletion=complete_tokens,
        ),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Compute each line from the digits that were just printed.")
    ] = False,
) -> None:
    """Show the arithmetic of one cell, or rank all keys of one query.

    attn why "Transformers are amazing"
    attn why "Transformers are amazing" --query are --key amazing
    attn why "Transformers are amazing" --query are
    attn why "the cat and the dog" --query the#2 --key 0
    attn why -w trace.json --query -1 --layer 0 --head 2
    attn why -m ./gpt2 "The keys are" --head L5.1 --query -1
    """
    from attn_cli.analysis.finding import position_of
    from attn_cli.analysis.strongest import query_of
    from attn_cli.analysis.tables import why_csv
    from attn_cli.analysis.why import why_cell, why_row
    from attn_cli.analysis.why_document import cell_document, row_document
    from attn_cli.cli.inputs import one_head
    from attn_cli.cli.results import PAGES, Result, again, deliver, display_of, format_of
    from attn_cli.views.pages.why.page import cell_page, row_page

    display = display_of(show)
    if by_hand and (form := format_of(show.format, show.json, show.output)) not in PAGES:
        raise UsageError(f"--by-hand: {form} holds all digits", hint="leave --by-hand out")
    trace, layer, head = one_head(source, checkpoint, choice, query, key)
    row = query_of(layer, query)
    if key is None and query is not None and not by_hand:
        ranked = why_row(layer, head, row)
        page = row_page(trace, layer, ranked, display, again(), source.weights)
        document = row_document(trace, ranked)
    else:
        column = why_row(layer, head, row).keys[0].index if key is None else position_of(key, layer.key_tokens, "key")
        chosen = ["the last query: --query chooses another"] if query is None else []
        chosen += ["the key that it looks at most: --key chooses another"] if key is None else []
        trace = replace(trace, notes=(*trace.notes, *chosen))
        cell = why_cell(layer, head, row, column)
        page = cell_page(trace, layer, cell, display, again(), source.weights, by_hand=by_hand)
        document = cell_document(trace, cell)
    deliver(Result(lambda: page, display, show, document=lambda: document, table=lambda: why_csv(document)))
