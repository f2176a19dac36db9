"""A bare matrix of numbers from text: rows on lines, columns between commas, semicolons, tabs or blanks."""

from typing import NoReturn

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.checker import quoted
from attn_cli.trace.files.kinds import LONG_FORM
from attn_cli.trace.files.parsing import decoded
from attn_cli.trace.trace import Array, frozen


def read_csv_matrix(data: bytes, name: str) -> Array:
    """The numbers (row, column), read-only; `nan`, `inf` and `-inf` are read, for the caller to judge.

    DocumentError names the line and column of what is not a number, and the line of a ragged row.
    """
    lines = [(number, line) for number, line in enumerate(decoded(data, name).splitlines(), 1) if line.strip()]
    if not lines:
        raise DocumentError(f"{name}: is empty", hint="give it a matrix of numbers, one row a line")
    first, head = lines[0]
    if head.startswith(LONG_FORM):
        hint = "read back JSON or NPZ: attn explain … --json, or -o trace.npz"
        raise DocumentError(f"{name}: is the CSV that attn writes for other programs, not a matrix", hint=hint)
    delimiter = next((sign for sign in ("\t", ";", ",") if sign in head), None)
    rows: list[list[float]] = []
    for number, line in lines:
        cells = line.split(delimiter)
        try:
            # float() takes 1_000 and the digits of every script.
            if "_" in line or not line.isascii():
                raise ValueError(line)
            row = list(map(float, cells))
        except ValueError as error:
            _refuse_cell(cells, number, number == first, name, error)
        if rows and len(row) != len(rows[0]):
            message = f"{name}: line {number}: expected {len(rows[0])} numbers, as in line {first}, found {len(row)}"
            raise DocumentError(message, hint="all rows need the same length")
        rows.append(row)
    return frozen(np.array(rows))


def _refuse_cell(cells: list[str], line: int, is_first: bool, name: str, error: ValueError) -> NoReturn:
    column, cell = next((i, cell) for i, cell in enumerate(cells, 1) if not _is_number(cell))
    there = quoted(cell.strip()) if cell.strip() else "nothing"
    named = is_first and cell.strip(" \"'")[:1].isalpha()
    hint = "leave out the line of names: numbers alone" if named else "a matrix has a number in every cell"
    if "," in cell:
        hint = "write decimals with a point"
    raise DocumentError(f"{name}: line {line}, column {column}: expected a number, found {there}", hint=hint) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()
