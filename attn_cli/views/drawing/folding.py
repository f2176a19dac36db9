"""Folding: which rows and columns to show of a matrix that is larger than the screen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROWS = 24
"""The most rows of a table, unless the screen is higher or --full shows all."""


@dataclass(frozen=True, repr=False)
class Fold:
    """The `indices` that are shown of `count` rows or columns, in order."""

    count: int
    indices: tuple[int, ...]

    @property
    def hidden(self) -> int:
        return self.count - len(self.indices)

    @property
    def gaps(self) -> tuple[int, ...]:
        """The shown ones before which some are left out; the number of all shown ones for the end."""
        ends = (-1, *self.indices, self.count)
        return tuple(at for at in range(len(ends) - 1) if ends[at + 1] - ends[at] > 1)


def whole(count: int) -> Fold:
    """Nothing left out."""
    return Fold(count, tuple(range(count)))


def fold(count: int, most: int) -> Fold:
    """The first and the last, at most `most`; of an odd number, one more of the first than of the last."""
    if count <= most:
        return whole(count)
    last = max(most, 1) // 2
    return Fold(count, (*range(max(most, 1) - last), *range(count - last, count)))


def fold_to(widths: Sequence[int], room: int, gap: int) -> Fold:
    """As many of the first and the last columns as fit into `room` cells, with a mark of `gap` cells between them."""
    if sum(widths) <= room:
        return whole(len(widths))
    first, last, used = 1, 0, gap + widths[0]
    while first + last < len(widths) - 1:
        back = last < first
        wider = used + (widths[-1 - last] if back else widths[first])
        if wider > room:
            break
        first, last, used = (first, last + 1, wider) if back else (first + 1, last, wider)
    return Fold(len(widths), (*range(first), *range(len(widths) - last, len(widths))))


def fold_by(sizes: Sequence[float], widths: Sequence[int], room: int, gap: int) -> Fold:
    """The columns of the largest sizes that fit into `room` cells, with a mark of `gap` cells for each omission."""
    count = len(widths)
    if sum(widths) <= room:
        return whole(count)
    kept: list[int] = []
    for column in sorted(range(count), key=lambda column: (-sizes[column], column)):
        tried = Fold(count, tuple(sorted([*kept, column])))
        if not kept or sum(widths[at] for at in tried.indices) + gap * len(tried.gaps) <= room:
            kept.append(column)
    return Fold(count, tuple(sorted(kept)))


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


def note_of(rows: Fold, columns: Fold, *, smaller: bool = False) -> str:
    """The number of rows and columns left out, and the option that shows them; empty if none was.

    `smaller` says that the columns left out are those with the smallest weights.
    """
    parts = [_left_out(fold.hidden, thing) for fold, thing in ((rows, "row"), (columns, "column")) if fold.hidden]
    those = " with smaller weights" if smaller and columns.hidden else ""
    return f"… {' and '.join(parts)}{those}; --full shows all" if parts else ""


def _left_out(count: int, thing: str) -> str:
    return f"{count:,} more {thing}" + ("" if count == 1 else "s")
