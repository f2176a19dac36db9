"""Arrays of numbers from nested lists and containers; an error names the first wrong cell by its path."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array, shape_words

WORDS = MappingProxyType({"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")})
"""The spellings of NaN and infinities in the JSON of a trace."""

_HOLDS = MappingProxyType({"b": "true and false", "c": "complex numbers", "U": "strings", "S": "bytes", "O": "objects"})
_MORE = re.compile(r" \([^)]*\)|,.*")
_FORMS = MappingProxyType({1: "a list of numbers (n)", 2: "a matrix (n × m)", 3: "a matrix for each head (h × n × m)"})


def to_array(
    value: Any, where: str, dims: tuple[int, ...], *, special: bool = False, null: float | None = -np.inf
) -> Array:
    """The numbers of a nested list, or of an array from a container, with as many dimensions as `dims` allows.

    Lists and integers become float64; float16, float32 and float64 arrays keep their dtype. With `special`, NaN and
    infinities are accepted: in arrays, and in lists as numbers or as the words NaN, Infinity and -Infinity; a null in
    a list is then the number `null`, unless that is None. A leading batch axis of 1 is dropped.

    DocumentError names the cell: `W_Q[2][1]: expected a number, found "4.0"`.
    """
    if isinstance(value, np.ndarray):
        array = _from_array(value, where, dims, special)
    elif isinstance(value, list):
        words: Mapping[Any, float] = (WORDS if null is None else WORDS | {None: null}) if special else {}
        array = _from_list(value, where, dims, words)
    else:
        _refuse(where, _form(dims), quoted(value))
    return array if array.ndim <= max(dims) else array[0]


def sizes_of(value: Any) -> tuple[int, ...]:
    """The shape of an array, or of nested lists by their first items; empty for anything else."""
    if isinstance(value, np.ndarray):
        return tuple(map(int, value.shape))
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        value = value[0] if value else None
    return tuple(sizes)


def refuse_nonfinite(array: Array, where: str) -> None:
    """Raise DocumentError for the first cell that is NaN or infinite."""
    finite = np.isfinite(array)
    if not finite.all():
        index = np.unravel_index(int(finite.argmin()), array.shape)
        _refuse(where + _path(index), "a finite number", quoted(float(array[index])))


def quoted(value: Any) -> str:
    """A value for an error message: strings in quotes and truncated, containers by their kind."""
    import json

    if isinstance(value, str):
        return json.dumps(value[:40], ensure_ascii=False)
    named = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    return named.get(type(value)) or {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(
        text := repr(value)[:40], text
    )


def _from_array(value: Array, where: str, dims: tuple[int, ...], special: bool) -> Array:
    if value.dtype.kind not in "fiu":
        _refuse(where, "numbers", _HOLDS.get(value.dtype.kind, f"an array of {value.dtype}"))
    _check_shape(value.shape, where, dims)
    keeps = value.dtype.kind == "f" and value.dtype.itemsize <= 8
    array = value.astype(value.dtype.newbyteorder("=") if keeps else np.float64, order="C", copy=False)
    if not special:
        refuse_nonfinite(array, where)
    return array


def _from_list(value: list[Any], where: str, dims: tuple[int, ...], words: Mapping[Any, float]) -> Array:
    leaves = {int, float} | {type(word) for word in words}
    shape: tuple[int, ...] = ()
    rows: Sequence[list[Any]] = [value]
    while True:
        counts = set(map(len, rows))
        if len(counts) > 1 or 0 in counts:
            _refuse_lengths(rows, shape, where)
        shape = (*shape, len(rows[0]))
        kinds: set[type] = set()
        for row in rows:
            kinds.update(map(type, row))
        if kinds <= leaves:
            break
        if kinds != {list}:
            nested = list in kinds and len(shape) < max(dims) and type(rows[0][0]) is list
            _refuse_cell(
                rows, shape, where, "a list of numbers" if nested else "a number", {list} if nested else leaves
            )
        rows = list(chain.from_iterable(rows))
    _check_shape(shape, where, dims)
    if not kinds <= {int, float}:
        rows = _read_words(rows, shape, where, words)
    try:
        array = np.fromiter(chain.from_iterable(rows), np.float64, prod(shape)).reshape(shape)
    except OverflowError as error:
        position, number = next(
            (i, n) for i, n in enumerate(chain.from_iterable(rows)) if type(n) is int and _too_large(n)
        )
        path = where + _path(np.unravel_index(position, shape))
        _refuse(path, "a number up to 1.8e308", f"a whole number of {len(str(abs(number)))} digits", error)
    if not words:
        refuse_nonfinite(array, where)
    return array


def _read_words(
    rows: Sequence[list[Any]], shape: tuple[int, ...], where: str, words: Mapping[Any, float]
) -> list[list[Any]]:
    """The rows with words replaced by numbers; DocumentError for an unknown word."""
    read = []
    for number, row in enumerate(rows):
        try:
            read.append([cell if type(cell) in (int, float) else words[cell] for cell in row])
        except KeyError as error:
            column = next(i for i, cell in enumerate(row) if type(cell) is str and cell not in words)
            path = (*np.unravel_index(number, shape[:-1]), column) if shape[:-1] else (column,)
            _refuse(where + _path(path), f"a number, or one of {', '.join(WORDS)}", quoted(row[column]), error)
    return read


def _check_shape(shape: tuple[int, ...], where: str, dims: tuple[int, ...]) -> None:
    if 0 in shape:
        _refuse(where, _form(dims), f"an empty array ({shape_words(shape)})")
    # If a vector is expected, [[1, 2]] is a matrix, not a batch of one vector.
    if len(shape) == max(dims) + 1 > 2:
        if shape[0] != 1:
            hint = "a leading axis of 1 is dropped; give each text its own document"
            raise DocumentError(f"{where}: batch of {shape[0]}: one document holds one text", hint=hint)
    elif len(shape) not in dims:
        flat = f"a list of {shape[0]}" if shape else "one number"
        _refuse(where, _form(dims), f"{len(shape)} dimensions ({shape_words(shape)})" if len(shape) > 1 else flat)


def _refuse_lengths(rows: Sequence[list[Any]], shape: tuple[int, ...], where: str) -> NoReturn:
    """Raise DocumentError for a row that is empty or not as long as the first."""
    number = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), 0)
    if not shape or not rows[0]:
        _refuse(where + (_path(np.unravel_index(0, shape)) if shape else ""), "numbers", "an empty list")
    item = ("row" if type(rows[0][0]) is list else "number") + "s" * (len(rows[0]) > 1)
    first = where.rpartition(": ")[2] + _path(np.unravel_index(0, shape))
    expected = f"{len(rows[0])} {item}, as in {first}"
    _refuse(where + _path(np.unravel_index(number, shape)), expected, str(len(rows[number])))


def _refuse_cell(
    rows: Sequence[list[Any]], shape: tuple[int, ...], where: str, expected: str, kinds: set[type]
) -> NoReturn:
    """Raise DocumentError for the first cell whose type is not in `kinds`."""
    position, cell = next((i, cell) for i, cell in enumerate(chain.from_iterable(rows)) if type(cell) not in kinds)
    _refuse(where + _path(np.unravel_index(position, shape)), expected, quoted(cell))


def _refuse(where: str, expected: str, value: str, cause: Exception | None = None) -> NoReturn:
    """Raise DocumentError with the expected kind of value and the actual value."""
    in_quotes = expected == "a number" and value.startswith('"')
    hint = "write it without quotes" if in_quotes else f"put {_MORE.sub('', expected)} there"
    if value == "-Infinity":
        hint = "only masked scores hide a cell with −∞: name the array masked, or mask it with attn_mask"
    raise DocumentError(f"{where}: expected {expected}, found {value}", hint=hint) from cause


def _path(indices: Sequence[Any]) -> str:
    """Indices as a path: `[2][1]`."""
    return "".join(f"[{index}]" for index in indices)


def _form(dims: tuple[int, ...]) -> str:
    """Arrays with these numbers of dimensions, in words."""
    return " or ".join(_FORMS.get(count, f"{count} dimensions") for count in dims)


def _too_large(number: int) -> bool:
    """Whether this whole number is larger than any float."""
    try:
        float(number)
    except OverflowError:
        return True
    return False
