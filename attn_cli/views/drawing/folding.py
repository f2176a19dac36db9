"""Folding: which rows and columns to show of a matrix that is larger than the screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROWS = 24


@dataclass(frozen=True, repr=False)
class Fold:
    """The first and the last of `count` rows or columns; those between are left out."""

    count: int
    first: int
    last: int

    @property
    def hidden(self) -> int:
        return self.count - self.first - self.last

    @property
    def indices(self) -> list[int]:
        return [*range(self.first), *range(self.count - self.last, self.count)]


def whole(count: int) -> Fold:
    """Nothing left out."""
    return Fold(count, count, 0)


def fold(count: int, most: int) -> Fold:
    """At most `most` shown; of an odd number, one more of the first than of the last."""
    if count <= most:
        return whole(count)
    last = max(most, 1) // 2
    return Fold(count, max(most, 1) - last, last)


def fold_to(widths: Sequence[int], room: int, gap: int) -> Fold:
    """As many columns as fit into `room` cells, with a mark of `gap` cells between the first and the last ones."""
    if sum(widths) <= room:
        return whole(len(widths))
    first, last, used = 1, 0, gap + widths[0]
    while first + last < len(widths) - 1:
        back = last < first
        wider = used + (widths[-1 - last] if back else widths[first])
        if wider > room:
            break
        first, last, used = (first, last + 1, wider) if back else (first + 1, last, wider)
    return Fold(len(widths), first, last)


def blocks(widths: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Runs of columns (start, end) that each fit into `room` cells, at least one column each."""
    start, used = 0, 0
    for column, width in enumerate(widths):
        if column > start and used + width > room:
            yield start, column
            start, used = column, 0
        used += width
    if widths:
        yield start, len(widths)


def note_of(rows: Fold, columns: Fold) -> str:
    """The number of rows and columns left out, and the option that shows them; empty if none was."""
    parts = [_left_out(fold.hidden, thing) for fold, thing in ((rows, "row"), (columns, "column")) if fold.hidden]
    return f"… {' and '.join(parts)}, --full shows all" if parts else ""


def _left_out(count: int, thing: str) -> str:
    return f"{count:,} more {thing}" + ("" if count == 1 else "s")
