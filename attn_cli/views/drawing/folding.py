"""Which rows and columns of a matrix are shown when it is larger than the screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROWS = 24


@dataclass(frozen=True, repr=False)
class Fold:
    """Of `count` things the first and the last ones; what lies between is left out."""

    count: int
    first: int
    last: int

    @property
    def hidden(self) -> int:
        return self.count - self.first - self.last

    @property
    def places(self) -> list[int]:
        return [*range(self.first), *range(self.count - self.last, self.count)]


def whole(count: int) -> Fold:
    """Nothing left out."""
    return Fold(count, count, 0)


def fold(count: int, most: int) -> Fold:
    """At most `most` shown, rather more of the first than of the last."""
    if count <= most:
        return whole(count)
    last = max(most, 1) // 2
    return Fold(count, max(most, 1) - last, last)


def fold_to(widths: Sequence[int], room: int, gap: int) -> Fold:
    """As many columns as fit into `room` cells, a mark of `gap` cells between first and last ones."""
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
    """Runs of columns (start, end) that fit into `room` cells each, one column at least."""
    start, used = 0, 0
    for place, width in enumerate(widths):
        if place > start and used + width > room:
            yield start, place
            start, used = place, 0
        used += width
    if widths:
        yield start, len(widths)


def note_of(rows: Fold, columns: Fold) -> str:
    """What was left out, and how to see it; empty if nothing was."""
    parts = [_left_out(fold.hidden, thing) for fold, thing in ((rows, "row"), (columns, "column")) if fold.hidden]
    return f"… {' and '.join(parts)}, --full shows all" if parts else ""


def _left_out(count: int, thing: str) -> str:
    return f"{count:,} more {thing}" + ("" if count == 1 else "s")
