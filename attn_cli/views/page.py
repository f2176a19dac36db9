"""A page: the content of a view as blocks, before a medium (terminal, Markdown) lays it out."""

from dataclasses import dataclass

from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Grid:
    """One matrix (row, column) with the raw tokens as labels; `columns` is None for features, numbered from 0.

    `signed` numbers are colored around 0, others from 0 to their largest. −∞ is a masked cell. `note` is a line below
    the grid.
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
    """One paragraph of plain text, wrapped to the width; `faint` marks text that a reader may skip."""

    text: str
    faint: bool = False


@dataclass(frozen=True)
class Equation:
    """A formula or a line of a calculation, printed as it is unless it is wider than the screen."""

    text: str


@dataclass(frozen=True)
class Numbers:
    """Tables of numbers, one per grid, side by side where they fit."""

    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Picture:
    """Heatmaps on one color scale with one color bar, side by side where they fit; `meaning` names the quantity."""

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
