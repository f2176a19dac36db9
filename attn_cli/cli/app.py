"""The Typer app: the commands, in the order of its help."""

from typing import Annotated

import typer

from attn_cli.cli import check, compare, explain, heads, heatmap, init, model, schema, why
from attn_cli.cli.help import HelpfulCommand, HelpfulGroup

app = typer.Typer(
    name="attn",
    cls=HelpfulGroup,
    epilog="attn COMMAND --help says more. A sentence that begins with - needs -- before it.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="explain", cls=HelpfulCommand)(explain.command)
app.command(name="heatmap", cls=HelpfulCommand)(heatmap.command)
app.command(name="why", cls=HelpfulCommand)(why.command)
app.command(name="heads", cls=HelpfulCommand)(heads.command)
app.command(name="compare", cls=HelpfulCommand)(compare.command)
app.command(name="check", cls=HelpfulCommand)(check.command)
app.command(name="model", cls=HelpfulCommand, epilog=model.EPILOG)(model.command)
app.command(name="init", cls=HelpfulCommand)(init.command)
app.command(name="schema", cls=HelpfulCommand)(schema.command)


@app.callback(invoke_without_command=True)
def attn(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """See what self-attention does to a sentence, with real numbers, in a terminal.

    attn explain "Transformers are amazing"
    attn heatmap "Transformers are amazing"
    attn why "Transformers are amazing" --query are
    attn compare "The cat sat" "The dog sat"
    attn explain "The cat sat" --json | jq '.layers[0].weights[0]'
    """
    if version:
        from attn_cli import __version__

        typer.echo(f"attn {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
