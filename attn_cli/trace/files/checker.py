"""Arrays of numbers from nested lists and containers, refused with the path to the first cell that is wrong."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array

WORDS = MappingProxyType({"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")})
"""How a trace spells in JSON the numbers that JSON has not."""

_HOLDS = MappingProxyType({"b": "true and false", "c": "complex numbers", "U": "strings", "S": "bytes", "O": "objects"})
_MORE = re.compile(r" \([^)]*\)|,.*")
_FORMS = MappingProxyType({1: "a list of numbers (n)", 2: "a matrix (n × m)", 3: "a matrix for each head (h × n × m)"})


def to_array(value: Any, where: str, dims: tuple[int, ...], *, special: bool = False, null: bool = True) -> Array:
    """The numbers of a nested list, or of an array from a container, with as many dimensions as `dims` allows.

    Lists and integers become float64; float16, float32 and float64 arrays keep their dtype. Where `special`, NaN and
    infinities are taken: in arrays, in lists as the words NaN, Infinity and -Infinity, and there `null` as −∞.
    A leading batch of 1 is taken away. DocumentError names the place: `W_Q[2][1]: expected a number, found "4.0"`.
    """
    if isinstance(value, np.ndarray):
        array = _from_array(value, where, dims, special)
    elif isinstance(value, list):
        words: Mapping[Any, float] = (WORDS | {None: -np.inf} if null else WORDS) if special else {}
        array = _from_list(value, where, dims, words)
    else:
        _refuse(where, _form(dims), quoted(value))
    return array if array.ndim <= max(dims) else array[0]


def shape_words(array: Array) -> str:
    """An array's shape as people write it: `3×4`."""
    return _by(array.shape)


def quoted(value: Any) -> str:
    """A value as an error message names it: strings in quotes and cut short, containers by their kind."""
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
    if not special and not (fine := np.isfinite(array)).all():
        place = np.unravel_index(int(fine.argmin()), array.shape)
        _refuse(where + _path(place), "a finite number", quoted(float(array[place])))
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
    worded = 0
    if not kinds <= {int, float}:
        rows, worded = _read_words(rows, shape, where, words)
    try:
        array = np.fromiter(chain.from_iterable(rows), np.float64, prod(shape)).reshape(shape)
    except OverflowError as error:
        place, number = next(
            (i, n) for i, n in enumerate(chain.from_iterable(rows)) if type(n) is int and _too_large(n)
        )
        path = where + _path(np.unravel_index(place, shape))
        _refuse(path, "a number up to 1.8e308", f"a whole number of {len(str(abs(number)))} digits", error)
    if array.size - np.count_nonzero(np.isfinite(array)) != worded:
        cells: Any = chain.from_iterable(_rows_of(value, len(shape)))
        place, odd = next((i, n) for i, n in enumerate(cells) if type(n) is float and not np.isfinite(n))
        _refuse(where + _path(np.unravel_index(place, shape)), "a finite number", quoted(odd))
    return array


def _read_words(
    rows: Sequence[list[Any]], shape: tuple[int, ...], where: str, words: Mapping[Any, float]
) -> tuple[list[list[Any]], int]:
    """The rows with words as the numbers they stand for, and how many words there were."""
    read, worded = [], 0
    for place, row in enumerate(rows):
        count = sum(type(cell) is not float and type(cell) is not int for cell in row)
        worded += count
        if not count:
            read.append(row)
            continue
        try:
            read.append([cell if type(cell) in (int, float) else words[cell] for cell in row])
        except KeyError as error:
            column = next(i for i, cell in enumerate(row) if type(cell) is str and cell not in words)
            path = (*np.unravel_index(place, shape[:-1]), column) if shape[:-1] else (column,)
            _refuse(where + _path(path), f"a number, or one of {', '.join(WORDS)}", quoted(row[column]), error)
    return read, worded


def _check_shape(shape: tuple[int, ...], where: str, dims: tuple[int, ...]) -> None:
    if 0 in shape:
        _refuse(where, _form(dims), f"an empty array ({_by(shape)})")
    # A vector has no batch: [[1, 2]] where one is expected is a matrix, not a batch of one.
    if len(shape) == max(dims) + 1 > 2:
        if shape[0] != 1:
            hint = "an array with a leading 1 is taken; give each text its own document"
            raise DocumentError(f"{where}: batch of {shape[0]}: one document holds one text", hint=hint)
    elif len(shape) not in dims:
        lone = f"a list of {shape[0]}" if shape else "one number"
        _refuse(where, _form(dims), f"{len(shape)} dimensions ({_by(shape)})" if len(shape) > 1 else lone)


def _refuse_lengths(rows: Sequence[list[Any]], shape: tuple[int, ...], where: str) -> NoReturn:
    """Say which row is empty, or of another length than the first."""
    place = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), 0)
    if not shape or not rows[0]:
        _refuse(where + (_path(np.unravel_index(0, shape)) if shape else ""), "numbers", "an empty list")
    what = ("row" if type(rows[0][0]) is list else "number") + "s" * (len(rows[0]) > 1)
    first = where.rpartition(": ")[2] + _path(np.unravel_index(0, shape))
    expected = f"{len(rows[0])} {what}, as in {first}"
    _refuse(where + _path(np.unravel_index(place, shape)), expected, str(len(rows[place])))


def _refuse_cell(
    rows: Sequence[list[Any]], shape: tuple[int, ...], where: str, expected: str, kinds: set[type]
) -> NoReturn:
    place, cell = next((i, cell) for i, cell in enumerate(chain.from_iterable(rows)) if type(cell) not in kinds)
    _refuse(where + _path(np.unravel_index(place, shape)), expected, quoted(cell))


def _refuse(where: str, expected: str, there: str, cause: Exception | None = None) -> NoReturn:
    quoted = expected == "a number" and there.startswith('"')
    hint = "write it without quotes" if quoted else f"put {_MORE.sub('', expected)} there"
    raise DocumentError(f"{where}: expected {expected}, found {there}", hint=hint) from cause


def _rows_of(value: list[Any], depth: int) -> Sequence[list[Any]]:
    rows: Sequence[list[Any]] = [value]
    for _ in range(depth - 1):
        rows = list(chain.from_iterable(rows))
    return rows


def _path(place: Sequence[Any]) -> str:
    return "".join(f"[{index}]" for index in place)


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape if len(shape) < 9 else [*shape[:8], "…"]))


def _form(dims: tuple[int, ...]) -> str:
    return " or ".join(_FORMS.get(count, f"{count} dimensions") for count in dims)


def _too_large(number: int) -> bool:
    try:
        float(number)
    except OverflowError:
        return True
    return False
