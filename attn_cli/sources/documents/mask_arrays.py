"""Read masks given as arrays of true and false, or of numbers to add to the scores."""

from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.files.checker import quoted
from attn_cli.trace.trace import Array, shape_words

_NUMBERS = {True: 0.0, False: -np.inf, None: -np.inf, "-Infinity": -np.inf}
"""The number that a cell adds to its score, in a mask that mixes words and numbers."""
_MOST_AXES = 8


def read_mask(value: Any, where: str) -> tuple[Array | None, Array | None]:
    """The numbers that a mask adds to scores, and True where it hides; None if it adds or hides nothing.

    Each is (query, key) or (head, query, key), with a single row for all queries; a list of keys is such a row.
    A visible cell is true or a number to add; a hidden one is false, null or −∞.
    """
    if not isinstance(value, list | np.ndarray):
        hint = "a spelling such as causal belongs under mask, an array here"
        raise DocumentError(f"{where}: expected a list, found {quoted(value)}", hint=hint)
    cells = value if isinstance(value, np.ndarray) else _cells(value, where)
    while cells.ndim > 2 and len(cells) == 1:
        cells = cells[0]
    if cells.ndim == 1:
        cells = cells[np.newaxis]
    if cells.ndim not in (2, 3) or not cells.size:
        raise DocumentError(
            f"{where}: expected queries × keys, or heads × queries × keys, found {_counted(cells)}",
            hint="give each query a row of keys, or one row for all queries",
        )
    if cells.dtype.kind == "b":
        return None, ~cells
    if cells.dtype.kind == "O":
        kinds = {type(cell) for cell in cells.flat}
        if kinds <= {bool, type(None)}:
            return None, ~cells.astype(bool)
        if kinds == {int} and set(cells.flat) <= {0, 1}:
            raise _ambiguous(where)
        numbers = [_NUMBERS[cell] if isinstance(cell, bool | str | None) else cell for cell in cells.flat]
        cells = np.array(numbers, dtype=np.float64).reshape(cells.shape)
    elif cells.dtype.kind in "iu" and set(np.unique(cells).tolist()) <= {0, 1}:
        raise _ambiguous(where)
    elif cells.dtype.kind not in "iuf":
        hint = "store true and false, or numbers to add to the scores"
        raise DocumentError(f"{where}: holds {cells.dtype}", hint=hint)
    added = cells.astype(np.float64)
    if (np.isnan(added) | np.isposinf(added)).any():
        raise DocumentError(f"{where}: holds NaN or +∞", hint="−∞ hides, a number is added to the score")
    hidden = np.isneginf(added)
    bias = np.where(hidden, 0, added)
    return bias if bias.any() else None, hidden if hidden.any() else None


def for_all_queries(mask: Array | None, queries: int) -> Array | None:
    """The mask with its single row, (1, key) or (head, 1, key), repeated for every query."""
    if mask is None or mask.shape[-2] != 1 or queries == 1:
        return mask
    return np.broadcast_to(mask, (*mask.shape[:-2], queries, mask.shape[-1]))


def _cells(value: list[Any], where: str) -> Array:
    """A nested list as an array of objects, each a truth value, a number or null."""
    shape: list[int] = []
    inner: Any = value
    while isinstance(inner, list) and inner and len(shape) <= _MOST_AXES:
        shape.append(len(inner))
        inner = inner[0]
    if not shape or len(shape) > _MOST_AXES:
        return np.empty(0, dtype=object)
    flat: list[Any] = [value]
    for level, size in enumerate(shape):
        for number, row in enumerate(flat):
            if not isinstance(row, list) or len(row) != size:
                held = len(row) if isinstance(row, list) else quoted(row)
                raise DocumentError(
                    f"{where}{_path(number, shape[:level])}: expected {size} cells, found {held}",
                    hint="make all rows equally long",
                )
        flat = [cell for row in flat for cell in row]
    for number, cell in enumerate(flat):
        whole = isinstance(cell, int) and abs(cell) < 1e308  # no float is larger
        if not (cell is None or whole or isinstance(cell, float) or cell == "-Infinity"):
            raise DocumentError(
                f"{where}{_path(number, shape)}: expected true, false, null or a number, found {quoted(cell)}",
                hint="true, or a number to add, for a visible key; false or null for a hidden one",
            )
    cells = np.empty(len(flat), dtype=object)
    cells[:] = flat
    return cells.reshape(shape)


def _path(number: int, shape: list[int]) -> str:
    """The indices of the cell or row with this number: `[1][0]`."""
    return "".join(f"[{index}]" for index in np.unravel_index(number, shape)) if shape else ""


def _counted(cells: Array) -> str:
    return f"a list of {cells.size}" if cells.ndim == 1 else f"an array {shape_words(cells.shape)}"


def _ambiguous(where: str) -> DocumentError:
    return DocumentError(
        f"{where}: holds only the integers 0 and 1, which could hide or be added", hint="use true/false, or 0/null"
    )
