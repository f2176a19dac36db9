"""`attn manual`: the manual, a page for each topic."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from attn_cli.cli.help.choices import completing, require
from attn_cli.cli.option_groups import grouped
from attn_cli.cli.options import Color, NoPager
from attn_cli.errors import AttnError, UsageError

if TYPE_CHECKING:
    from attn_cli.views.drawing.screen import Screen


@dataclass(frozen=True)
class ManualOptions:
    """Common options"""

    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]", help="A topic, or a command.", show_default=False, autocompletion=completing("topics")
        ),
    ] = None
    word: Annotated[
        str | None, typer.Option("--find", metavar="WORD", help="Print the lines of all pages that hold WORD.")
    ] = None
    format: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="FORMAT", help="terminal, or markdown for the page as it is written."),
    ] = None
    color: Color = "auto"
    no_pager: NoPager = False


@grouped
def command(options: ManualOptions) -> None:
    """Show the manual: a list of its topics, or a page.

    attn manual
    attn manual heads
    attn manual --find induction
    """
    import sys

    from attn_cli.cli.output import color_system, width
    from attn_cli.cli.pager import write_paged
    from attn_cli.views.drawing.screen import Screen

    if options.topic is not None and options.word is not None:
        raise UsageError("TOPIC and --find are both given", hint="--find searches all pages: leave TOPIC out")
    if options.format not in (None, "terminal", "markdown"):
        raise UsageError(f"--format: there is no {options.format!r}", hint="choose terminal or markdown")
    require("--color", options.color, "colors")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # standard output may be closed
    screen = Screen(width(sys.stdout), color_system(options.color, sys.stdout), encoding)
    raw = options.format == "markdown"
    text = _list(options.word, screen, raw=raw) if options.topic is None else _page(options.topic, screen, raw=raw)
    write_paged(text.encode(encoding, errors="backslashreplace"), paged=not options.no_pager)


def _page(name: str, screen: "Screen", *, raw: bool) -> str:
    """The page of a topic, or of the topic that describes a command."""
    from attn_cli.cli.app import COMMANDS
    from attn_cli.manual import TOPICS, nearest_topic, read_page

    topic = name if name in TOPICS else COMMANDS.get(name)
    if topic is None:
        raise AttnError(
            f"the manual has no page {name!r}",
            hint=f"the nearest is {nearest_topic(name)!r}; attn manual lists all, attn manual --find WORD searches",
        )
    if raw:
        return read_page(topic)
    from attn_cli.views.drawing.manual_text import manual_text

    return manual_text(read_page(topic), screen)


def _list(word: str | None, screen: "Screen", *, raw: bool) -> str:
    """The topics, or the lines of all pages that hold a word."""
    from attn_cli.manual import find
    from attn_cli.views.display import Display
    from attn_cli.views.markdown import page_to_markdown
    from attn_cli.views.pages.manual import hits_page, topics_page
    from attn_cli.views.terminal import TerminalPage

    page = topics_page() if word is None else hits_page(find(word))
    if not page:
        raise AttnError(f"no page of the manual holds {word!r}", hint="attn manual lists the topics")
    return page_to_markdown(page, Display()) if raw else TerminalPage(page, Display()).text(screen)
