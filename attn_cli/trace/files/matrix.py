"""Read a matrix from text (CSV), with or without words in its first row and column."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import NoReturn

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.checker import quoted
from attn_cli.trace.files.kinds import LONG_FORM
from attn_cli.trace.files.parsing import decoded
from attn_cli.trace.trace import Array, frozen

_ODD_NUMBER = re.compile(r"[-+.,_eE\s]*+\d[-+.,_eE\s\d]*+")
Labels = tuple[str, ...] | None


@dataclass(frozen=True)
class Line:
    """A nonblank line of a table: its number in the file, and its cells."""

    number: int
    cells: list[str]


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers (row, column), read-only, and the words that label rows and columns; None if there are none."""

    numbers: Array
    rows: Labels = None
    columns: Labels = None


def read_csv(data: bytes, name: str) -> Matrix:
    """The matrix of a text whose cells are separated by commas, semicolons, tabs or blanks.

    The first row holds words if most of its cells are not numbers, or if its first cell is empty (as pandas and R write
    it); the first column likewise. `nan`, `inf` and `-inf` are numbers. DocumentError names the line and column of a
    cell that is not a number, and the line of a ragged row.
    """
    lines = list(_lines(decoded(data, name), name))
    if not lines:
        raise DocumentError(f"{name}: is empty", hint="give it a matrix of numbers, one row per line")
    if ",".join(lines[0].cells).startswith(LONG_FORM):
        hint = "read back JSON or NPZ: attn explain … --json, or -o trace.npz"
        raise DocumentError(f"{name}: is the CSV that attn writes for other programs, not a matrix", hint=hint)
    headed, labelled = _has_words(lines)
    body = lines[1:] if headed else lines
    if not body:
        raise DocumentError(f"{name}: holds a row of words and no numbers", hint="add the rows of the matrix")
    start = 1 if labelled else 0
    rows = [_numbers(line, start, name) for line in body]
    for line, row in zip(body, rows, strict=True):
        if len(row) != len(rows[0]):
            message = f"{name}: line {line.number}: expected {len(rows[0])} numbers, as in line {body[0].number}"
            raise DocumentError(f"{message}, found {len(row)}", hint="all rows need the same length")
    if not rows[0]:
        raise DocumentError(f"{name}: holds a column of words and no numbers", hint="add the columns of the matrix")
    padded = all(cell.startswith(" ") for line in body for cell in line.cells[1:])
    words = [
        tuple(cell.removeprefix(" ") if padded else cell for cell in cells)
        for cells in (lines[0].cells[-len(rows[0]) :], [line.cells[0] for line in body])
    ]
    count = len(lines[0].cells) - (labelled and len(lines[0].cells) > len(rows[0]))
    if headed and count != len(rows[0]):
        message = f"{name}: line {lines[0].number}: {count} words label {len(rows[0])} columns"
        raise DocumentError(message, hint="give each column one word")
    return Matrix(frozen(np.array(rows)), words[1] if labelled else None, words[0] if headed else None)


def _lines(text: str, name: str) -> Iterator[Line]:
    """The nonblank lines."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((sign for sign in ("\t", ";", ",") if sign in first), None)
    if delimiter is None:
        yield from (Line(n, line.split()) for n, line in enumerate(text.splitlines(), 1) if line.strip())
        return
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from (Line(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))
    except csv.Error as error:
        message = f"{name}: line {reader.line_num}: is not a row of cells: {error}"
        raise DocumentError(message, hint="close every quotation mark, and write one row per line") from error


def _has_words(lines: Sequence[Line]) -> tuple[bool, bool]:
    """Whether the first row, and the first column, hold words."""
    corner = not lines[0].cells[0].strip() and len(lines) > 1 and len(lines[0].cells) > 1
    cells = lines[0].cells[1:] or lines[0].cells
    headed = corner or (len(lines) > 1 and _are_words(cells) and (len(cells) > 1 or _are_words(lines[0].cells)))
    shorter = headed and len(lines[0].cells) + 1 == len(lines[1].cells)
    wide = all(len(line.cells) > 1 for line in lines)
    column = [line.cells[0] for line in (lines[1:] if headed else lines)]
    return headed, shorter or (headed and corner) or (wide and _are_words(column))


def _are_words(cells: Sequence[str]) -> bool:
    """Whether most cells are words, not numbers or numbers in another notation (`1,5`, `1_000`)."""
    return 2 * sum(cell != "" and not _is_number(cell) and not _ODD_NUMBER.fullmatch(cell) for cell in cells) > len(
        cells
    )


def _numbers(line: Line, start: int, name: str) -> list[float]:
    """The numbers of a line, starting at column `start`."""
    cells = line.cells[start:]
    try:
        # float() also accepts 1_000 and digits of other scripts.
        if any("_" in cell or not cell.isascii() for cell in cells):
            raise ValueError
        return list(map(float, cells))
    except ValueError as error:
        _refuse_cell(line, start, name, error)


def _refuse_cell(line: Line, start: int, name: str, error: ValueError) -> NoReturn:
    """Raise DocumentError for the first cell that is not a number."""
    column, cell = next((n, cell) for n, cell in enumerate(line.cells, 1) if n > start and not _is_number(cell))
    value = quoted(cell.strip()) if cell.strip() else "nothing"
    hint = (
        "write decimals with a point"
        if _ODD_NUMBER.fullmatch(cell) and "," in cell
        else "a matrix has a number in every cell"
    )
    message = f"{name}: line {line.number}, column {column}: expected a number, found {value}"
    raise DocumentError(message, hint=hint) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()
