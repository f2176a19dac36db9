"""What the help of a command says: what it does, examples of it, its options in groups."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

Groups = dict[str, list[tuple[str, str]]]


class HelpfulCommand(TyperCommand):
    """A command whose options stand in the groups that its dataclasses make."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        headings = getattr(self.callback, "headings", {})
        groups: Groups = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            heading = (
                "Arguments" if parameter.param_type_name == "argument" else headings.get(parameter.name, "Options")
            )
            if record := parameter.get_help_record(ctx):
                groups.setdefault(heading, []).append(record)
        _write(self, ctx, formatter, groups)


class HelpfulGroup(TyperGroup):
    """The program itself: its commands, then its options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, summary(command)) for name, command in self.commands.items() if not command.hidden]
        options = [record for parameter in self.get_params(ctx) if (record := parameter.get_help_record(ctx))]
        _write(self, ctx, formatter, {"Commands": commands, "Options": options})


def summary(command: Any) -> str:
    """What a command does, in one line."""
    return str(command.help or "").partition("\n")[0]


def examples(command: Any) -> list[str]:
    """The lines of a command's docstring that can be typed."""
    return [line for line in str(getattr(command, "help", None) or "").splitlines() if line.startswith("attn ")]


def _write(command: Any, ctx: Any, formatter: Any, groups: Groups) -> None:
    from attn_cli.cli.help_layout import write

    write(command, ctx, formatter, groups)
