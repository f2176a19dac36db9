"""Read the header of a GGUF file: its metadata, and the shape and bytes of each tensor.

The reader of the package gguf takes half a minute for a large vocabulary, so attn reads the file itself and uses the
package to dequantize tensors.
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, BinaryIO

import numpy as np

from attn_cli.errors import AttnError, DocumentError
from attn_cli.installing import install_hint
from attn_cli.models.files.tensor import Tensor
from attn_cli.sources.documents.files import note_read

AGAIN = "copy or download it again"

_SCALARS = ("B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d")
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")
_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class Header:
    """A file's metadata by key (numbers in arrays, strings in lists), and its tensors by name."""

    path: str
    metadata: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def library() -> Any:
    """The package gguf; AttnError if it is not installed."""
    try:
        import gguf
    except ImportError as error:
        raise AttnError("reading a GGUF file needs the package gguf", hint=install_hint("gguf")) from error
    return gguf


def header(path: str) -> Header:
    """The header of a file; DocumentError if it is not a GGUF file, is truncated, or holds unknown types."""
    try:
        stat = os.stat(path)
        return _header(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error


@lru_cache
def _header(path: str, changed: int, size: int) -> Header:
    types = library()
    with open(path, "rb") as file:
        note_read(file)
        begin = file.read(8)
        if begin[:4] != b"GGUF":
            raise DocumentError(f"{path}: is not a GGUF file", hint="a GGUF file begins with the four letters GGUF")
        version = int.from_bytes(begin[4:], "little")
        if version not in (2, 3):
            raise DocumentError(
                f"{path}: is of GGUF version {version} or big-endian, and attn reads little-endian versions 2 and 3",
                hint="convert the model again with a current llama.cpp",
            )
        try:
            return _read(_Cursor(file, bytearray(begin), size), path, types)
        except (struct.error, ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise DocumentError(f"{path}: breaks off or is damaged: {error}"[:300], hint=AGAIN) from error


class _Cursor:
    """Reads the file sequentially; ValueError at its end.

    The file is read, not mapped into memory: a file truncated meanwhile gives an error, not a signal.
    """

    def __init__(self, file: BinaryIO, data: bytearray, size: int) -> None:
        self.file = file
        self.data = data
        self.at = len(data)
        self.size = size

    def take(self, count: int) -> int:
        """Advance by `count` bytes, load them, and return their start."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            self._read_on()
        return start

    def _read_on(self) -> None:
        """Read until everything before `at` is in memory."""
        if self.at <= self.size:
            self.data += self.file.read(max(self.at - len(self.data), _AT_ONCE))
        if self.at > len(self.data):
            raise ValueError("it goes past the end of the file")

    def number(self, kind: str) -> Any:
        """The next number, of a struct format such as "I"."""
        start = self.take(struct.calcsize(f"<{kind}"))
        (value,) = struct.unpack_from(f"<{kind}", self.data, start)
        return value

    def text(self) -> str:
        """The next string."""
        # Vocabularies hold many strings, so this avoids calls per string.
        start = self.take(8)
        (length,) = _LENGTH.unpack_from(self.data, start)
        self.at += length
        if self.at > len(self.data):
            self._read_on()
        return self.data[start + 8 : self.at].decode("utf-8", "surrogateescape")

    def value(self, kind: int) -> Any:
        """The next value, of a type of GGUF."""
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array(self.number("I"), self.number("Q"))
        return self.number(_scalar(kind))

    def _array(self, kind: int, count: int) -> Any:
        if kind == _STRING:
            return [self.text() for _ in range(count)]
        if kind == _ARRAY:
            return [self.value(kind) for _ in range(count)]
        dtype = np.dtype(f"<{_scalar(kind)}")
        return np.frombuffer(self.data, dtype, count, self.take(count * dtype.itemsize)).copy()


def _scalar(kind: int) -> str:
    code = _SCALARS[kind] if kind < len(_SCALARS) else None
    if code is None:
        raise ValueError(f"there is no type of value {kind}")
    return code


def _read(cursor: _Cursor, path: str, types: Any) -> Header:
    tensor_count, key_count = cursor.number("Q"), cursor.number("Q")
    metadata: dict[str, Any] = {}
    for _ in range(key_count):
        key = cursor.text()
        if key in metadata:
            raise ValueError(f"{key} occurs twice")
        metadata[key] = cursor.value(cursor.number("I"))
    entries: dict[str, tuple[tuple[int, ...], int, int]] = {}
    for _ in range(tensor_count):
        name = cursor.text()
        if name in entries:
            raise ValueError(f"{name} occurs twice")
        sizes = [cursor.number("Q") for _ in range(cursor.number("I"))]
        entries[name] = tuple(reversed(sizes)), cursor.number("I"), cursor.number("Q")
    align = metadata.get("general.alignment", 32)
    if not isinstance(align, int) or align < 1:
        raise ValueError(f"general.alignment is {align!r}")
    start = -(-cursor.at // align) * align
    tensors = {
        name: _tensor(path, name, shape, kind, start + offset, types) for name, (shape, kind, offset) in entries.items()
    }
    for name, tensor in tensors.items():
        if tensor.start + tensor.size > cursor.size:
            raise DocumentError(f"{path}: breaks off in {name}", hint=AGAIN)
    return Header(path, metadata, tensors)


def _tensor(path: str, name: str, shape: tuple[int, ...], kind: int, start: int, types: Any) -> Tensor:
    """The tensor's location; DocumentError for a type that the package cannot dequantize."""
    try:
        dtype = types.GGMLQuantizationType(kind)
        block, stored = types.GGML_QUANT_SIZES[dtype]
        types.quants.dequantize(np.zeros((1, stored), np.uint8), dtype)
    except (ValueError, LookupError, NotImplementedError) as error:
        spelled = getattr(_named(types, kind), "name", f"type {kind}")
        raise DocumentError(
            f"{path}: {name} is stored as {spelled}, which the package gguf does not dequantize",
            hint="quantize the model another way, such as Q8_0 or Q4_K_M, or install a newer gguf",
        ) from error
    if not prod(shape) or not shape or shape[-1] % block:
        raise ValueError(f"{name} has no rows of whole blocks of {dtype.name}")
    return Tensor(path, dtype.name, shape, start, prod(shape) // block * stored)


def _named(types: Any, kind: int) -> Any:
    return next((member for member in types.GGMLQuantizationType if member == kind), None)
