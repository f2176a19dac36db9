"""The Typer app: the commands, in the order of its help."""

from typing import Annotated

import typer

from attn_cli.cli import compare, explain, heatmap, init, schema, why

app = typer.Typer(
    name="attn",
    help="See what self-attention does, to a sentence, with real numbers, in a terminal.",
    epilog="A sentence that begins with - needs -- before it.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="explain")(explain.command)
app.command(name="heatmap")(heatmap.command)
app.command(name="why")(why.command)
app.command(name="compare")(compare.command)
app.command(name="init")(init.command)
app.command(name="schema")(schema.command)


@app.callback(invoke_without_command=True)
def attn(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """See what self-attention does, to a sentence, with real numbers, in a terminal.

    attn explain "Transformers are amazing"     every stage, with formulas and a heatmap

    attn heatmap "Transformers are amazing"     one picture

    attn explain --json "Transformers are amazing" | jq ".layers[0].weights[0]"
    """
    if version:
        from attn_cli import __version__

        typer.echo(f"attn {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
