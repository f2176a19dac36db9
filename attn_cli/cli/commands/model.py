"""`attn model`: what a checkpoint is."""

from typing import Annotated

import typer

from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import ShowOptions
from attn_cli.models.families import FAMILIES

EPILOG = (
    f"It exits 1 if attn cannot run the checkpoint. attn computes these model types: {', '.join(sorted(FAMILIES))}."
)


@grouped
def command(
    show: ShowOptions,
    model: Annotated[
        str, typer.Argument(metavar="DIR", help="A checkpoint: a folder, a GGUF file or a name on the hub.")
    ],
    ignore_key: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ignore this key of config.json, which attn does not know. Repeatable."),
    ] = None,
) -> None:
    """Describe a checkpoint: family, layers, heads, masks, size.

    attn model ./gpt2
    attn model ./gpt2 --json
    """
    from dataclasses import asdict

    from attn_cli import __version__
    from attn_cli.cli.results import Result, deliver, display_of
    from attn_cli.models.describe import describe
    from attn_cli.models.hub import resolved
    from attn_cli.views.pages.model import model_page

    display = display_of(show)
    described = describe(resolved(model), ignore_key or ())
    head = {"format": "attn.model", "version": 1, "attn": __version__}
    deliver(Result(lambda: model_page(described), display, show, document=lambda: head | asdict(described)))
    if described.refused:
        raise typer.Exit(1)
