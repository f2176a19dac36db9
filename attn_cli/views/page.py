"""A page: the content of a view as blocks, before a medium (terminal, Markdown) lays it out."""

from collections.abc import Mapping
from typing import NamedTuple

from attn_cli.trace.trace import Array


class Grid(NamedTuple):
    """One matrix (row, column) with the raw tokens as labels; `columns` is None for features, numbered from 0.

    `signed` numbers are colored around 0, others from 0 to their largest. −∞ is a masked cell, printed as
    `mask`. `note` is a line below the grid. `remarks` are the tokens that its rows look at most. `positions`
    are the indices of the columns among the tokens of the rows, where some were left out.
    """

    values: Array
    rows: tuple[str, ...]
    columns: tuple[str, ...] | None
    title: str = ""
    signed: bool = True
    note: str = ""
    mask: str = "−∞"
    remarks: tuple[str, ...] = ()
    positions: tuple[int, ...] | None = None


class Heading(NamedTuple):
    """The start of a section."""

    text: str


class Prose(NamedTuple):
    """One paragraph of plain text, wrapped to the width; `faint` marks text that a reader may skip."""

    text: str
    faint: bool = False


class Command(NamedTuple):
    """The command that made the page, for files and pipes; a terminal does not print it."""

    text: str


class Equation(NamedTuple):
    """A formula or a line of a calculation, printed as it is unless it is wider than the screen."""

    text: str


class Numbers(NamedTuple):
    """Tables of numbers, one per grid, side by side where they fit."""

    grids: tuple[Grid, ...]


class Picture(NamedTuple):
    """Heatmaps on one color scale with one color bar, side by side where they fit; `meaning` names the quantity.

    `shares` are weights, which stand in the cells in per cent where there is no color; `figures` stand there always.
    """

    grids: tuple[Grid, ...]
    meaning: str = ""
    shares: bool = False
    figures: bool = False


class AtlasRow(NamedTuple):
    """The heads of one layer: a small matrix each, whose title is the head's number."""

    label: str
    heads: tuple[Grid, ...]


class Atlas(NamedTuple):
    """Layers × heads as small pictures on one color scale, a row for each layer and a column for each head."""

    rows: tuple[AtlasRow, ...]
    meaning: str = ""


class Profiles(NamedTuple):
    """Layers × heads as one line of cells each, which stand for the bands in `names`."""

    rows: tuple[AtlasRow, ...]
    names: tuple[str, ...]
    meaning: str = ""


class Beside(NamedTuple):
    """Sections side by side where the screen is wide enough, else below each other."""

    sections: tuple[tuple["Block", ...], ...]


class Bars(NamedTuple):
    """One line each: a label, a bar for a share from 0 to 1, and a text."""

    rows: tuple[tuple[str, float, str], ...]


class Letters(NamedTuple):
    """A map of single letters (row, column), with labels and the meaning of each letter."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    letters: tuple[tuple[str, ...], ...]
    legend: tuple[tuple[str, str], ...]


class Listing(NamedTuple):
    """A table of text; columns in `right` are right-aligned, long cells of the last column wrap."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()


class Passage(NamedTuple):
    """A text (key) painted with shares; `gaps` is the white space before each token, `marks` are the strongest shares.

    `masked` is True for tokens that are not to be read, `queries` are the tokens that ask. `largest` is the share of
    the strongest color, where the largest of all should not decide it. `beside` are the page's other texts, which need
    room too.
    """

    tokens: tuple[str, ...]
    gaps: tuple[str, ...]
    shares: Array
    masked: Array
    marks: Mapping[int, str]
    queries: tuple[int, ...] = ()
    largest: float | None = None
    beside: tuple[str, ...] = ()


Tall = Numbers | Picture | Atlas | Profiles | Beside | Bars | Letters | Listing | Passage
Block = Heading | Prose | Command | Equation | Tall
Page = tuple[Block, ...]
