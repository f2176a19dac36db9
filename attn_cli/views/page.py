"""A page: what a view wants to say, before a medium (terminal, Markdown) decides how it looks."""

from dataclasses import dataclass

from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Grid:
    """One matrix (row, column) with its labels, the raw tokens; `columns` None means features, numbered from 0.

    `signed` numbers are coloured around 0, others from 0 to their largest. −∞ is a hidden cell.
    `note` is a line below the grid.
    """

    values: Array
    rows: tuple[str, ...]
    columns: tuple[str, ...] | None
    title: str = ""
    signed: bool = True
    note: str = ""


@dataclass(frozen=True)
class Heading:
    """The start of a section."""

    text: str


@dataclass(frozen=True)
class Prose:
    """One paragraph of plain text, wrapped to the width; `faint` for what can be skipped."""

    text: str
    faint: bool = False


@dataclass(frozen=True)
class Equation:
    """A formula or a line of a calculation, left as it is unless it is wider than the screen."""

    text: str


@dataclass(frozen=True)
class Numbers:
    """Tables of numbers, one per grid, side by side where they fit."""

    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Picture:
    """Heatmaps on one colour scale with one colour bar, side by side where they fit; `meaning` says what colour is."""

    grids: tuple[Grid, ...]
    meaning: str = ""


@dataclass(frozen=True)
class Listing:
    """A table of text; columns in `right` are right-aligned, long cells of the last column wrap."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()


Block = Heading | Prose | Equation | Numbers | Picture | Listing
Page = tuple[Block, ...]
