"""The tensors of a GGUF file by the family's names, dequantized one at a time."""

from collections.abc import Mapping
from math import prod

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.tensor import Tensor, check_finite, check_rows, read_bytes
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.gguf.architectures import GgufArchitecture
from attn_cli.models.gguf.header import Header, library
from attn_cli.models.gguf.tensor_names import Stored, named_tensors
from attn_cli.trace.trace import Array, shape_words

ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Tensors that hold settings, which go to the config."""


class GgufTensors(Tensors):
    """Tensors that are stored in another form; each read gives a new float32 array."""

    def __init__(self, stored: Mapping[str, Stored]) -> None:
        super().__init__({name: entry.tensor for name, entry in stored.items()})
        self.stored = stored

    def _load(self, name: str, slot: str, *, alone: bool) -> Array:
        return self._restored(name, None)

    def _rows(self, name: str, rows: Array) -> Array:
        check_rows(name, self.tensors[name], rows)
        return self._restored(name, rows)

    def _restored(self, name: str, rows: Array | None) -> Array:
        """A tensor, or some of its rows, with llama.cpp's changes undone."""
        stored = self.stored[name]
        arrays = [_read(name, piece, rows) for piece in stored.pieces]
        try:
            for undo in stored.undo:
                arrays = [undo(array) for array in arrays]
            return arrays[0] if stored.join is None else stored.join.joined(*arrays)
        except ValueError as error:
            shapes = " and ".join(shape_words(piece.shape) for piece in stored.pieces)
            raise DocumentError(
                f"{stored.tensor.path}: {name} of {shapes} does not fit the file's settings",
                hint="the file contradicts itself: convert it again",
            ) from error


def _read(name: str, tensor: Tensor, rows: Array | None) -> Array:
    shape = tensor.shape if rows is None else (len(rows), *tensor.shape[1:])
    array = _widened(_bytes(name, tensor, rows).reshape(prod(shape[:-1]), -1), tensor.dtype).reshape(shape)
    check_finite(name, tensor, array)
    return array


def _bytes(name: str, tensor: Tensor, rows: Array | None) -> Array:
    """The bytes of a tensor, or of some rows (row, byte)."""
    size = tensor.size if rows is None else tensor.size // tensor.shape[0]
    numbers = [0] if rows is None else rows.tolist()
    raw = np.empty((len(numbers), size), np.uint8)
    for row, number in zip(raw, numbers, strict=True):
        read_bytes(name, tensor, number * size, row)
    return raw


def _widened(raw: Array, dtype: str) -> Array:
    """Rows of bytes (row, byte), dequantized to float32."""
    if dtype == "F32":
        return raw.view("<f4")
    gguf = library()
    array: Array = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[dtype])
    return array.astype(np.float32, copy=False)


def numbers(header: Header, name: str) -> list[float]:
    """The numbers of a small tensor as a list."""
    flat: list[float] = _read(name, header.tensors[name], None).reshape(-1).tolist()
    return flat


def tensors_of(header: Header, architecture: GgufArchitecture, family: Family, plan: Architecture) -> Tensors:
    """The file's tensors by the family's names; tensors without one keep llama.cpp's name."""
    (stack,) = plan.stacks
    unnamed = {name: Stored((tensor,)) for name, tensor in header.tensors.items() if name not in ROPE_TENSORS}
    named: dict[str, Stored] = {}
    for name, stored, gguf_names in named_tensors(architecture, family, stack, header.tensors):
        named[name] = stored
        for gguf_name in gguf_names:
            unnamed.pop(gguf_name, None)
    return GgufTensors(unnamed | named)
