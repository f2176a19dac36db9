"""Write a trace as one line of JSON, matrix by matrix."""

import math
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import numpy as np

from attn_cli.errors import AttnError
from attn_cli.trace.files.describe import describe, numbers
from attn_cli.trace.trace import Array, Trace

MOST_NUMBERS = 50_000_000
"""The largest count of numbers written as JSON; NPZ has no such limit."""


def trace_to_json(trace: Trace) -> bytes:
    """The trace as one line of JSON; AttnError above `MOST_NUMBERS`."""
    count = sum(stage.array.size for layer in trace.layers for stage in layer.stages)
    if count > MOST_NUMBERS:
        message = f"{count:,} numbers are too many for JSON, {MOST_NUMBERS:,} are the most"
        raise AttnError(message, hint="write NPZ with -o trace.npz, or choose layers, heads and stages")
    return b"".join(_pieces(trace))


def _pieces(trace: Trace) -> Iterator[bytes]:
    """The bytes in order, joined once by the caller, so that a large trace is not copied repeatedly."""
    described = describe(trace)
    for opening, (key, value) in zip(_before(b"{"), described.items(), strict=False):
        yield b'%s"%s":' % (opening, key.encode())
        if key != "layers" or not value:
            yield dumped(value)
            continue
        for start, layer, keys in zip(_before(b"["), trace.layers, value, strict=False):
            yield start + dumped(keys)[:-1]
            for stage in layer.stages:
                yield b',"%s":' % stage.name.encode()
                yield from json_of(numbers(layer, stage), hidden=stage.name == "masked")
            yield b"}"
        yield b"]"
    yield b"}\n"


def json_of(array: Array, *, hidden: bool = False) -> Iterator[bytes]:
    """Numbers in their shortest exact form; NaN and infinities as words, −∞ as null for `hidden` cells."""
    if array.ndim > 2:
        for start, matrix in zip(_before(b"["), array, strict=False):
            yield start
            yield from json_of(matrix, hidden=hidden)
        yield b"]"
        return
    import orjson

    text = orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson writes null for NaN and infinities, in the order of the array.
    nonfinite = array[~np.isfinite(array)]
    if not nonfinite.size or (hidden and np.isneginf(nonfinite).all()):
        yield text
        return
    words = [*(_word(value, hidden) for value in nonfinite.tolist()), b""]
    for before, word in zip(text.split(b"null"), words, strict=True):
        yield before
        yield word


def dumped(value: Any) -> bytes:
    """JSON of anything but arrays, including lone surrogates and long integers, which orjson refuses."""
    import json

    import orjson

    try:
        return orjson.dumps(value)
    except TypeError:
        if isinstance(value, dict):
            return b"{" + b",".join(dumped(key) + b":" + dumped(item) for key, item in value.items()) + b"}"
        if isinstance(value, list | tuple):
            return b"[" + b",".join(map(dumped, value)) + b"]"
        if isinstance(value, str):
            # The two halves of a surrogate pair are read back as one character, so write that character.
            joined = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
            return dumped(joined) if joined != value else json.dumps(value).encode()
        return json.dumps(value).encode()


def worded(value: Any) -> Any:
    """Plain values with NaN and infinities as words, for results other than traces."""
    if isinstance(value, float) and not math.isfinite(value):
        return _word(value, hidden=False)[1:-1].decode()
    if isinstance(value, dict):
        return {key: worded(item) for key, item in value.items()}
    return [worded(item) for item in value] if isinstance(value, list | tuple) else value


def _before(bracket: bytes) -> Iterator[bytes]:
    """The separators before items: the bracket, then commas."""
    return chain([bracket], repeat(b","))


def _word(value: float, hidden: bool) -> bytes:
    if math.isnan(value):
        return b'"NaN"'
    if value > 0:
        return b'"Infinity"'
    return b"null" if hidden else b'"-Infinity"'
