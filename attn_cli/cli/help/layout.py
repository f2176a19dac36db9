"""The layout of help: as wide as the terminal, names beside what they mean."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attn_cli.cli.help.choices import filled
from attn_cli.cli.output import width
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, wrap

WIDEST = 80
NARROW = 50
COLUMN = 25
INDENT = 2

Rows = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class HelpText:
    """What the help of a command says below its usage; `groups` are names with their meanings, by heading."""

    paragraphs: Sequence[str]
    examples: Sequence[str]
    groups: Mapping[str, Rows]
    epilog: str


def write(text: HelpText, formatter: Any, usage: Callable[[], None]) -> None:
    """Write the usage and the rest to Typer's formatter, fitted to standard output."""
    screen = Screen(min(WIDEST, width(sys.stdout)), encoding=getattr(sys.stdout, "encoding", None) or "utf-8")
    formatter.width = screen.width
    usage()
    for line in _lines(text, screen):
        formatter.write(line + "\n")


def _lines(text: HelpText, screen: Screen) -> Iterator[str]:
    for paragraph in text.paragraphs:
        yield ""
        yield from wrap(screen.spell(paragraph), screen.width)
    if text.examples:
        yield ""
        yield "Examples:"
        for example in text.examples:
            yield from _indented(wrap(example, screen.width - INDENT, INDENT))
    for heading, rows in text.groups.items():
        if rows:
            yield ""
            yield from wrap(f"{heading}:", screen.width)
            yield from _table([(name, screen.spell(filled(meaning))) for name, meaning in rows], screen.width)
    for paragraph in filter(None, text.epilog.split("\n\n")):
        yield ""
        yield from wrap(paragraph, screen.width)


def _table(rows: Rows, wide: int) -> Iterator[str]:
    """Names and their meanings side by side, or one below the other on a narrow screen."""
    column = COLUMN if rows[0][0].startswith("-") else max(cells(name) for name, _ in rows)
    start = INDENT + (column + INDENT if wide >= NARROW else INDENT)
    for name, meaning in rows:
        meanings = list(wrap(meaning, wide - start)) if meaning else []
        if meanings and wide >= NARROW and cells(name) <= column:
            yield " " * INDENT + name + " " * (column + INDENT - cells(name)) + meanings.pop(0)
        else:
            yield from _indented(wrap(name, wide - INDENT, INDENT))
        yield from (" " * start + line for line in meanings)


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (" " * INDENT + line for line in lines)
