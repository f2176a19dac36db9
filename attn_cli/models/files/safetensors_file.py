"""Read the header of a safetensors file: the name, dtype, shape and bytes of each tensor."""

import os
from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.models.files.other import check_lfs
from attn_cli.models.files.tensor import AGAIN, Tensor
from attn_cli.sources.documents.files import note_read
from attn_cli.trace.files.parsing import parse_json

LARGEST = 100 * 2**20
"""The largest header that the format allows, in bytes."""
BYTES: Mapping[str, int] = MappingProxyType(
    {
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
        "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
    }
)  # fmt: skip
"""The bytes per number of each dtype."""


def tensors_of_file(path: str) -> dict[str, Tensor]:
    """The tensors of a file; DocumentError if it is damaged, truncated, or a Git LFS pointer.

    The header is checked against the file's length. The safetensors library checks too, but maps the file into memory,
    and a file truncated meanwhile would end the process.
    """
    check_lfs(path)
    try:
        with open(path, "rb") as file:
            note_read(file)
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, LARGEST):
                raise _unsound(path, "its header is longer than the file" if length <= LARGEST else "header too large")
            header = parse_json(file.read(length), path)
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error
    if not isinstance(header, dict):
        raise _unsound(path, "its header is not an object")
    body = size - 8 - length
    tensors = {
        name: _tensor(path, name, entry, 8 + length, body) for name, entry in header.items() if name != "__metadata__"
    }
    _check_bytes(path, tensors, 8 + length, size)
    return tensors


def _tensor(path: str, name: str, entry: Any, start: int, body: int) -> Tensor:
    """A tensor of the header; DocumentError if its bytes are not all in the file."""
    entry = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    numbers = [*(shape if isinstance(shape, list) else [None]), *(offsets if isinstance(offsets, list) else [None])]
    if not isinstance(dtype, str) or not all(type(number) is int and number >= 0 for number in numbers):
        raise _unsound(path, f"{name} has no dtype, shape and data_offsets")
    if not isinstance(offsets, list) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= body:
        raise DocumentError(f"{path}: breaks off in {name}", hint=AGAIN)
    if dtype in BYTES and offsets[1] - offsets[0] != BYTES[dtype] * prod(shape or ()):
        raise _unsound(path, f"{name} has {offsets[1] - offsets[0]} bytes, not as its shape and dtype say")
    return Tensor(path, dtype, tuple(shape or ()), start + offsets[0], offsets[1] - offsets[0])


def _check_bytes(path: str, tensors: Mapping[str, Tensor], start: int, end: int) -> None:
    """DocumentError if tensors overlap, leave gaps or end before the file."""
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.size)):
        if tensor.start != start:
            raise _unsound(path, "its tensors overlap or leave gaps")
        start += tensor.size
    if start != end:
        raise _unsound(path, f"{end - start} bytes after its tensors belong to none")


def _unsound(path: str, why: str) -> DocumentError:
    return DocumentError(f"{path}: is not a sound safetensors file: {why}"[:300], hint=AGAIN)
