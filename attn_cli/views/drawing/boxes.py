"""Lines of styled text, and boxes of them that stand side by side."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.style import Style

Piece = tuple[str, "Style | None"]
Line = Sequence[Piece]


class Once(tuple[Piece, ...]):
    """A line that a page shows only the first time, such as a note that holds for all of its tables."""


class Box(NamedTuple):
    """Lines of styled text, and the width of each in cells."""

    lines: tuple[Line, ...]
    widths: tuple[int, ...]

    @property
    def width(self) -> int:
        return max(self.widths, default=0)


def flow(boxes: Sequence[Box], width: int, gap: int = 3, between: int = 1) -> Iterator[Line]:
    """Boxes side by side, in as many rows as necessary, with `between` empty lines between rows."""
    column = max((box.width for box in boxes), default=0) + gap
    beside = max(1, (width + gap) // column)
    for start in range(0, len(boxes), beside):
        if start:
            yield from [()] * between
        row = boxes[start : start + beside]
        for number in range(max(len(box.lines) for box in row)):
            line: list[Piece] = []
            spaces = 0
            for box in row:
                used = box.widths[number] if number < len(box.lines) else 0
                if used:
                    line += [(" " * spaces, None)] * bool(spaces)
                    line += box.lines[number]
                    spaces = 0
                spaces += column - used
            yield line


def runs(codes: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Runs of equal codes as (start, end, code)."""
    start = 0
    for end in range(1, len(codes) + 1):
        if end == len(codes) or codes[end] != codes[start]:
            yield start, end, codes[start]
            start = end
