"""The help of a command: what it does, examples, and its options in groups, the common ones first."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

Groups = dict[str, list[tuple[str, str]]]
COMMON = "Common options"


class HelpfulCommand(TyperCommand):
    """A command whose options stand in the groups that its dataclasses make."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; long work shows itself on a terminal."""
        from attn_cli.cli.progress import shown

        with shown(quiet=bool(ctx.params.get("quiet"))):
            return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        groups: Groups = {"Arguments": [], COMMON: []}
        headings = getattr(self.callback, "headings", {})
        for parameter in sorted(self.get_params(ctx), key=_rank):
            if parameter.param_type_name == "argument":
                heading = "Arguments"
            else:
                heading = COMMON if _is_common(parameter) else headings.get(parameter.name, COMMON)
            if record := parameter.get_help_record(ctx):
                groups.setdefault(heading, []).append(record)
        if len([heading for heading in groups if heading != "Arguments"]) == 1:
            groups["Options"] = groups.pop(COMMON)
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
    """The command lines in a command's docstring."""
    return [line for line in str(getattr(command, "help", None) or "").splitlines() if line.startswith("attn ")]


def paragraphs(command: Any) -> list[str]:
    """The paragraphs of a command's docstring that are not examples, each as one line."""
    texts = str(command.help or "").split("\n\n")
    return [" ".join(text.split()) for text in texts if not text.startswith("attn ")]


def _is_common(parameter: Any) -> bool:
    from attn_cli.cli.options import COMMON as NAMES

    return parameter.name in NAMES


def _rank(parameter: Any) -> int:
    """A command's own options first, as they are declared, then the common ones; `--help` last."""
    from attn_cli.cli.options import COMMON as NAMES

    if parameter.name == "help":
        return len(NAMES) + 1
    return NAMES.index(parameter.name) + 1 if parameter.name in NAMES else 0


def _write(command: Any, ctx: Any, formatter: Any, groups: Groups) -> None:
    from attn_cli.cli.help.layout import HelpText, write

    text = HelpText(paragraphs(command), examples(command), groups, command.epilog or "")
    write(text, formatter, lambda: command.format_usage(ctx, formatter))
