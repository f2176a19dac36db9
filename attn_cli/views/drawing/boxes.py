"""Lines of styled text, and boxes of them that stand side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style

Piece = tuple[str, Style | None]
Line = Sequence[Piece]


@dataclass(frozen=True, repr=False)
class Box:
    """Lines, and how many cells each takes; all lines together are `width` cells wide at most."""

    lines: tuple[Line, ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        return max(self.widths, default=0)


def flow(boxes: Sequence[Box], width: int, gap: int = 3, between: int = 1) -> Iterator[Line]:
    """Boxes side by side below each other, in as many rows as it takes; `between` empty lines part the rows."""
    column = max((box.width for box in boxes), default=0) + gap
    beside = max(1, (width + gap) // column)
    for start in range(0, len(boxes), beside):
        if start:
            yield from [()] * between
        row = boxes[start : start + beside]
        for place in range(max(len(box.lines) for box in row)):
            line: list[Piece] = []
            owed = 0
            for box in row:
                used = box.widths[place] if place < len(box.lines) else 0
                if used:
                    line += [(" " * owed, None)] * bool(owed)
                    line += box.lines[place]
                    owed = 0
                owed += column - used
            yield line


def runs(codes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Neighbours of equal code as (start, end, code)."""
    start = 0
    for place in range(1, len(codes) + 1):
        if place == len(codes) or codes[place] != codes[start]:
            yield start, place, codes[start]
            start = place
