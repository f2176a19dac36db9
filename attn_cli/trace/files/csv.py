"""A trace as CSV, one number per line, for spreadsheets, R and pandas."""

from collections.abc import Iterator

from attn_cli.trace.files.describe import numbers
from attn_cli.trace.files.to_json import json_of
from attn_cli.trace.trace import Array, Layer, Stage, Trace

HEADER = "layer,head,stage,row,column,row_token,column_token,value,layer_index"
_WORDS = ((b'"NaN"', b"nan"), (b'"Infinity"', b"inf"), (b'"-Infinity"', b"-inf"))
_SPECIAL = frozenset(',"\r\n')
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""The characters that start a formula in a spreadsheet."""


def trace_to_csv(trace: Trace) -> bytes:
    """One line per number: layer, head, stage, indices, tokens, value, and the layer's number.

    Masked cells are `-inf`; fields that do not apply are empty. Values are the shortest decimals that are exact in the
    layer's dtype; lone surrogates are written as `\\ud800`.
    """
    blocks = [_block(layer, stage, index) for layer in trace.layers for stage, index in _matrices(layer)]
    return "\n".join([HEADER, *blocks, ""]).encode("utf-8", errors="backslashreplace")


def _matrices(layer: Layer) -> Iterator[tuple[Stage, int]]:
    """Each matrix as a stage and an index into the stage's array."""
    for stage in layer.stages:
        for index in range(len(layer.heads_of(stage))):
            yield stage, index


def _block(layer: Layer, stage: Stage, index: int) -> str:
    """The lines of one matrix."""
    array = numbers(layer, stage)
    matrix = array[index] if stage.kind.heads else array
    head = layer.heads_of(stage)[index]
    start = f"{cell(layer.name)},{'' if head is None else head},{stage.name}"
    rows = map(cell, layer.rows_of(stage))
    if stage.kind.columns is None:
        lines = zip(rows, _values(matrix), strict=True)
        return "\n".join(f"{start},{row},,{token},,{value},{layer.index}" for row, (token, value) in enumerate(lines))
    width = matrix.shape[1]
    labels = layer.columns_of(stage)
    names = [""] * width if labels is None else list(map(cell, labels))
    return "\n".join(
        f"{start},{row},{column},{token},{name},{value},{layer.index}"
        for row, (token, numbers_) in enumerate(zip(rows, matrix, strict=True))
        for column, (name, value) in enumerate(zip(names, _values(numbers_), strict=True))
    )


def _values(row: Array) -> list[str]:
    text = b"".join(json_of(row))
    for word, written in _WORDS:
        text = text.replace(word, written)
    return text[1:-1].decode().split(",")


def cell(text: str) -> str:
    """A token as one cell, quoted as RFC 4180 requires; a token that starts a formula gets a leading `'`."""
    text = f"'{text}" if text.startswith(_RUNS) else text
    return text if text and _SPECIAL.isdisjoint(text) else '"' + text.replace('"', '""') + '"'
