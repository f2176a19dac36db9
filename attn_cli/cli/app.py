"""The Typer app: the commands, in the order of its help, each in the file of its name."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer

from attn_cli.cli.help.helpful import HelpfulCommand, HelpfulGroup

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "explain": "stages",
        "heatmap": "display",
        "why": "stages",
        "read": "read",
        "heads": "heads",
        "compare": "compare",
        "check": "check",
        "model": "checkpoints",
        "init": "documents",
        "schema": "documents",
        "manual": "",
    }
)
"""Every command, and the page of the manual that describes it; "" for the list of pages."""

EPILOG = "attn COMMAND --help lists options; attn manual explains. A text that begins with - needs -- before it."


def app_of(commands: Iterable[str] = COMMANDS, *, outline: bool = False) -> typer.Typer:
    """The app with some of its commands, with `outline` without their options: building all takes long."""
    app = typer.Typer(
        name="attn",
        cls=HelpfulGroup,
        epilog=EPILOG,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in commands:
        module = import_module(f"attn_cli.cli.commands.{name}")
        epilog = [getattr(module, "EPILOG", None), f"Manual: attn manual {COMMANDS[name]}".strip()]
        command = _outline(module.command) if outline else module.command
        app.command(name=name, cls=HelpfulCommand, epilog="\n\n".join(filter(None, epilog)))(command)
    app.callback(invoke_without_command=True)(attn)
    return app


def _outline(command: Callable[..., None]) -> Callable[[], None]:
    """A command without options, for the list of commands."""

    def outline() -> None: ...

    outline.__doc__ = command.__doc__
    return outline


def attn(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Inspect attention in a terminal: every stage, with real numbers.

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
