"""How help is laid out: as wide as its terminal, names beside what they mean."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attn_cli.cli.help import examples
from attn_cli.cli.output import width
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, wrap

WIDEST = 80
NARROW = 50
COLUMN = 25
INDENT = 2

Rows = Sequence[tuple[str, str]]
Groups = Mapping[str, Rows]


def write(command: Any, ctx: Any, formatter: Any, groups: Groups) -> None:
    screen = Screen(min(WIDEST, width(sys.stdout)), encoding=getattr(sys.stdout, "encoding", None) or "utf-8")
    formatter.width = screen.width
    command.format_usage(ctx, formatter)
    for line in _lines(command, groups, screen):
        formatter.write(line + "\n")


def _lines(command: Any, groups: Groups, screen: Screen) -> Iterator[str]:
    for paragraph in str(command.help or "").split("\n\n"):
        if not paragraph.startswith("attn "):
            yield ""
            yield from wrap(screen.spell(" ".join(paragraph.split())), screen.width)
    if typed := examples(command):
        yield ""
        yield "Examples:"
        for line in typed:
            yield from _indented(wrap(line, screen.width - INDENT, INDENT))
    for heading, rows in groups.items():
        if rows:
            yield ""
            yield from wrap(f"{heading}:", screen.width)
            yield from _table([(name, screen.spell(meaning)) for name, meaning in rows], screen.width)
    for paragraph in filter(None, str(command.epilog or "").split("\n\n")):
        yield ""
        yield from wrap(paragraph, screen.width)


def _table(rows: Rows, wide: int) -> Iterator[str]:
    """Names and what they mean side by side, or one below the other where the screen is narrow."""
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
