"""Lines of styled text, and boxes of them that stand side by side."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style

Piece = tuple[str, Style | None]
Line = Sequence[Piece]


@dataclass(frozen=True)
class Box:
    """Lines, and how many cells each takes; all lines together are `width` cells wide at most."""

    lines: tuple[Line, ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        return max(self.widths, default=0)


def stacked(boxes: Iterable[Box]) -> Box:
    """Boxes as one, each below the other."""
    parts = tuple(boxes)
    return Box(
        tuple(line for box in parts for line in box.lines), tuple(width for box in parts for width in box.widths)
    )


def flow(boxes: Sequence[Box], width: int, gap: int = 3, between: int = 1) -> Iterator[Line]:
    """Boxes side by side, in as many rows as it takes; `between` empty lines part the rows."""
    for number, row in enumerate(rows(boxes, width, gap)):
        if number:
            yield from [()] * between
        for place in range(max(len(box.lines) for box in row)):
            line: list[Piece] = []
            owed = 0
            for box in row:
                there = place < len(box.lines)
                if there and box.widths[place]:
                    if owed:
                        line.append((" " * owed, None))
                    line += box.lines[place]
                    owed = 0
                owed += box.width + gap - (box.widths[place] if there else 0)
            yield line


def rows(boxes: Sequence[Box], width: int, gap: int) -> list[list[Box]]:
    """Which boxes stand beside each other."""
    found: list[list[Box]] = []
    room = 0
    for box in boxes:
        if found and box.width + gap <= room:
            found[-1].append(box)
            room -= box.width + gap
        else:
            found.append([box])
            room = width - box.width
    return found


def runs(codes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours of equal code as (start, end, code)."""
    start = 0
    for place in range(1, len(codes) + 1):
        if place == len(codes) or codes[place] != codes[start]:
            yield start, place, codes[start]
            start = place
