"""A page as Markdown: headings, tables as GitHub reads them, pictures as code."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from types import MappingProxyType
from typing import Any

from attn_cli.views.display import Display
from attn_cli.views.drawing.boxes import Line
from attn_cli.views.drawing.folding import note_of
from attn_cli.views.drawing.pictures.atlas import atlas_lines, profile_lines
from attn_cli.views.drawing.pictures.bars import bars_lines
from attn_cli.views.drawing.pictures.heat import in_picture, picture_lines
from attn_cli.views.drawing.pictures.letters import letters_lines
from attn_cli.views.drawing.pictures.passage import passage_lines
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.table import Layout, Paint, Table, digits_note, laid_out
from attn_cli.views.drawing.text import safe
from attn_cli.views.page import (
    Atlas,
    Bars,
    Beside,
    Command,
    Equation,
    Heading,
    Letters,
    Listing,
    Numbers,
    Page,
    Passage,
    Picture,
    Profiles,
    Prose,
)

WIDTH = 80
_SCREEN = Screen(WIDTH)
_INLINE = re.compile(r"[\\`*_\[\]<>|~&$#]|:(?=//)|:(?=[\w+-]+:)|(?<=[wW]{3})\.")
_FIRST = re.compile(r"[-+=.)]")


def page_to_markdown(page: Page, display: Display) -> str:
    """The whole page; large tables are folded as on a screen of 80 cells unless `display.full`."""
    return "\n\n".join(_parts(page, display)) + "\n"


def _parts(page: Page, display: Display) -> Iterator[str]:
    for kind, blocks in groupby(page, type):
        yield from WRITE[kind](tuple(blocks), display)


def escaped(text: str) -> str:
    """Safe text without any Markdown syntax."""
    return _INLINE.sub(lambda match: "\\" + match[0], safe(text))


def _paragraph(text: str) -> str:
    """Text escaped so that Markdown reads it as a paragraph, even at the start of a line."""
    text = escaped(text.strip(" "))
    start = re.match(r"\d*", text)
    return (
        text if start is None else start[0] + _FIRST.sub(r"\\\g<0>", text[start.end() :][:1]) + text[start.end() + 1 :]
    )


def _headings(blocks: Sequence[Heading], display: Display) -> Iterator[str]:
    return (f"## {escaped(block.text)}" for block in blocks)


def _prose(blocks: Sequence[Prose], display: Display) -> Iterator[str]:
    return (_paragraph(block.text) for block in blocks)


def _commands(blocks: Sequence[Command], display: Display) -> Iterator[str]:
    return (f"Made with: {escaped(block.text)}" for block in blocks)


def _equations(blocks: Sequence[Equation], display: Display) -> Iterator[str]:
    yield fenced([safe(block.text) for block in blocks])


def _numbers(blocks: Sequence[Numbers], display: Display) -> Iterator[str]:
    for block in blocks:
        layouts, paint = laid_out(block, display, _SCREEN)
        for layout in layouts:
            yield from _layout(layout, paint)
        if note := digits_note(paint.form, display, _SCREEN):
            yield f"*{escaped(note)}*"


def _layout(layout: Layout, paint: Paint) -> Iterator[str]:
    grid, table = layout.grid, layout.table
    if grid.title:
        yield f"**{escaped(grid.title)}**"
    if table.values.size:
        yield _table(table, list(paint.write(table.values, table.widths, table.mask)))
    else:
        yield f"empty: {'×'.join(map(str, grid.values.shape))}"
    yield from (f"*{escaped(note)}*" for note in (_folded(layout), grid.note) if note)


def _folded(layout: Layout) -> str:
    return note_of(layout.fit.down, layout.fit.across, smaller=layout.fit.by_size)


def _table(table: Table, lines: Sequence[str]) -> str:
    ends = [0, *accumulate(table.widths)]
    rows = [[line[a:b].strip() for a, b in pairwise(ends)] for line in lines]
    head, marks = [escaped(name) for name in table.columns], ["---:"] * len(table.columns)
    for at in reversed(table.across):
        for row, gap in ((head, "…"), (marks, "---"), *((row, "…") for row in rows)):
            row.insert(at, gap)
    named = [[escaped(name), *row] for name, row in zip(table.rows, rows, strict=True)]
    for at in reversed(table.down):
        named.insert(at, ["⋮"] * len(named[0]))
    return "\n".join(map(_row, [["", *head], ["---", *marks], *named]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _pictures(blocks: Sequence[Picture], display: Display) -> Iterator[str]:
    for block in blocks:
        if display.numbers:
            yield from _numbers([Numbers(block.grids)], in_picture(display))
        else:
            yield fenced([_plain(line) for line in picture_lines(block, display, _SCREEN)])


def _drawn(blocks: Sequence[Atlas | Profiles | Bars | Letters | Passage], display: Display) -> Iterator[str]:
    for block in blocks:
        yield fenced([_plain(line) for line in DRAW[type(block)](block, display, _SCREEN)])


def _sections(blocks: Sequence[Beside], display: Display) -> Iterator[str]:
    for block in blocks:
        for section in block.sections:
            yield from _parts(section, display)


def _plain(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip(" ")


def _listings(blocks: Sequence[Listing], display: Display) -> Iterator[str]:
    for block in blocks:
        marks = ["---:" if column in block.right else "---" for column in range(len(block.header))]
        rows = [list(map(escaped, row)) for row in (block.header, *block.rows)]
        yield "\n".join(map(_row, [rows[0], marks, *rows[1:]]))


def fenced(lines: Sequence[str]) -> str:
    """A code block, with a fence longer than any run of backticks in it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence + "text", *lines, fence])


Write = Callable[[Any, Display], Iterator[str]]

WRITE: Mapping[type, Write] = MappingProxyType(
    {
        Heading: _headings,
        Prose: _prose,
        Command: _commands,
        Equation: _equations,
        Numbers: _numbers,
        Picture: _pictures,
        Atlas: _drawn,
        Profiles: _drawn,
        Beside: _sections,
        Bars: _drawn,
        Letters: _drawn,
        Listing: _listings,
        Passage: _drawn,
    }
)
DRAW: Mapping[type, Callable[[Any, Display, Screen], Iterator[Line]]] = MappingProxyType(
    {Atlas: atlas_lines, Profiles: profile_lines, Bars: bars_lines, Letters: letters_lines, Passage: passage_lines}
)
