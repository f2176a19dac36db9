"""Sections side by side: as many in a row as the screen has room for."""

from collections.abc import Callable, Iterator, Sequence

from attn_cli.views.drawing.boxes import Box, Line, Once, Piece
from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells
from attn_cli.views.page import Beside, Block, Heading, Prose

GAP = 4
LEAST = 32
"""The least width of a section beside another, which its prose is wrapped to."""

Draw = Callable[[Sequence[Block], Screen], Iterator[Line]]


def beside_lines(block: Beside, screen: Screen, draw: Draw) -> Iterator[Line]:
    """Rows of sections, each as wide as its tables; `draw` gives the lines of a section on a screen."""
    for number, row in enumerate(_rows(block.sections, screen, draw)):
        if number:
            yield []
        if len(row) == 1:
            yield from draw(row[0][0], screen)
            continue
        boxes = []
        notes: list[Once] = []
        for section, width in row:
            lines = list(draw(section, screen._replace(width=width)))
            notes += [line for line in lines if isinstance(line, Once)]
            kept = tuple(line for line in lines if not isinstance(line, Once))
            boxes.append(Box(kept, tuple(map(_width, kept))))
        yield from _joined(boxes, [width for _, width in row])
        yield from notes


def _rows(
    sections: Sequence[Sequence[Block]], screen: Screen, draw: Draw
) -> Iterator[list[tuple[Sequence[Block], int]]]:
    row: list[tuple[Sequence[Block], int]] = []
    used = 0
    for section in sections:
        width = _natural(section, screen, draw)
        if row and used + GAP + width > screen.width:
            yield row
            row, used = [], 0
        used += width + (GAP if row else 0)
        row.append((section, width))
    if row:
        yield row


def _natural(section: Sequence[Block], screen: Screen, draw: Draw) -> int:
    """The width of a section's tables; headings and prose wrap."""
    fixed = [block for block in section if not isinstance(block, Heading | Prose)]
    return min(screen.width, max([LEAST, *map(_width, draw(fixed, screen))]))


def _width(line: Line) -> int:
    return sum(cells(text) for text, _ in line)


def _joined(boxes: Sequence[Box], widths: Sequence[int]) -> Iterator[Line]:
    for number in range(max(len(box.lines) for box in boxes)):
        line: list[Piece] = []
        spaces = 0
        for box, width in zip(boxes, widths, strict=True):
            used = 0
            if number < len(box.lines) and box.lines[number]:
                pieces = list(box.lines[number])
                pieces[-1] = (pieces[-1][0].rstrip(" ") if pieces[-1][1] is None else pieces[-1][0], pieces[-1][1])
                line += [(" " * spaces, None)] * bool(spaces)
                line += pieces
                spaces, used = 0, sum(cells(text) for text, _ in pieces)
            spaces += width - used + GAP
        yield line
