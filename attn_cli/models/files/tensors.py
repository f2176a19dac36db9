"""The tensors of a checkpoint by name, read from their files as float32 on demand."""

from collections import Counter
from collections.abc import Mapping
from math import prod

import numpy as np

from attn_cli.models.files.tensor import Tensor, read_floats, read_rows
from attn_cli.trace.trace import Array

OFTEN, KEPT = 2, 2**30
"""The number of reads after which a tensor is kept in memory, and the limit of kept bytes."""


ROWS, CELLS = 32, 2**12  # the fewest rows, and the fewest numbers, transposed at a time


class Tensors:
    """The tensors of a checkpoint; the next read of the same slot may overwrite an array from `read`.

    A tensor is read from its file each time, until it has been read often; then it is kept in memory, if there is room.
    Other formats override `_load` or `_floats`, and `_rows`.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self._buffers: dict[str, Array] = {}
        self._times_read: Counter[tuple[str, bool]] = Counter()
        self._kept: dict[tuple[str, bool], Array] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def read(self, name: str, slot: str, rows: Array | None = None) -> Array:
        """A tensor, or some of its rows, as float32; DocumentError if its file ends too early."""
        return self._whole(name, slot) if rows is None else self._rows(name, rows)

    def transposed(self, name: str, slot: str) -> Array:
        """A matrix stored (in, out) as (out, in); a kept one is a copy, which multiplies faster."""
        return self._whole(name, slot, transposed=len(self.tensors[name].shape) == 2)

    def _whole(self, name: str, slot: str, *, transposed: bool = False) -> Array:
        if (name, transposed) in self._kept:
            return self._kept[name, transposed]
        keep = self._is_worth_keeping(name, transposed)
        array = self._load(name, slot, alone=keep and not transposed)
        if keep and transposed:
            stored, array = array, np.empty(array.shape[::-1], np.float32)
            transpose(stored, array)
        if keep:
            array.flags.writeable = False
            self._kept[name, transposed] = array
            return array
        return array.T if transposed else array

    def _is_worth_keeping(self, name: str, transposed: bool) -> bool:
        """Whether the tensor has been read often, and there is room for it."""
        self._times_read[name, transposed] += 1
        size = 4 * prod(self.tensors[name].shape)
        kept_bytes = sum(array.nbytes for array in self._kept.values())
        return self._times_read[name, transposed] >= OFTEN and size + kept_bytes <= KEPT

    def _load(self, name: str, slot: str, *, alone: bool) -> Array:
        """A tensor's numbers, in new memory if `alone`, else in the buffer of its slot."""
        shape = self.tensors[name].shape
        out = None if alone else self._buffers.get(slot)
        if out is None or out.shape != shape:
            out = np.empty(shape, np.float32)
        self._floats(name, out)
        if not alone:
            self._buffers[slot] = out
        return out

    def _floats(self, name: str, out: Array) -> None:
        """Fill `out` with a tensor's numbers."""
        read_floats(name, self.tensors[name], out)

    def _rows(self, name: str, rows: Array) -> Array:
        """Some rows of a tensor."""
        return read_rows(name, self.tensors[name], rows)

    def forget(self) -> None:
        """Drop transposed copies, whose products round differently, so that every run gives the same numbers."""
        self._kept = {key: array for key, array in self._kept.items() if not key[1]}
        self._times_read = Counter({key: count for key, count in self._times_read.items() if not key[1]})


def transpose(x: Array, out: Array) -> None:
    """Copy x (row, column) to `out` (column, row), some rows at a time, so that each cache line is used fully.

    For a checkpoint's matrices this is about three times as fast as NumPy's copy.
    """
    rows = max(ROWS, CELLS // max(1, x.shape[1]))
    for start in range(0, len(x), rows):
        out[:, start : start + rows] = x[start : start + rows].T
