"""Tensors in files, read as float32."""

from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from attn_cli.core.threads import chunks, each, threads_for
from attn_cli.errors import DocumentError
from attn_cli.trace.files.tensors import SAFETENSORS_DTYPES
from attn_cli.trace.trace import Array

DTYPES = MappingProxyType({name: SAFETENSORS_DTYPES[name] for name in ("F64", "F32", "F16", "BF16")})
"""The stored floats that attn reads: safetensors' names → NumPy's dtypes; bfloat16 as its bits."""
CHUNK = 2**18  # numbers read at a time, so that they are in the core's cache for the conversion
WORTH = 2**20  # with fewer numbers per thread, waking the thread costs more than it saves
AGAIN = "copy or download it again"


@dataclass(frozen=True)
class Tensor:
    """A tensor's numbers in a file: `size` bytes from byte `start`.

    `strides` count numbers; None if they are stored row by row.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int
    strides: tuple[int, ...] | None = None


def read_bytes(name: str, tensor: Tensor, start: int, out: Array) -> None:
    """Fill `out` (bytes) from byte `start` of a tensor; DocumentError if the file ends too early.

    The file is read, not mapped into memory: the system ends a process that touches the missing end of a mapped file.
    """
    count = 0
    try:
        with open(tensor.path, "rb", buffering=0) as file:
            file.seek(tensor.start + start)
            while count < len(out) and (got := file.readinto(out.data[count:])):
                count += got
    except OSError as error:
        raise DocumentError(f"{tensor.path}: cannot be read: {error.strerror}", hint="check the path") from error
    if count < len(out):
        raise DocumentError(f"{tensor.path}: breaks off in {name}", hint=AGAIN)


def read_floats(name: str, tensor: Tensor, out: Array) -> None:
    """Fill `out` (float32, of the tensor's shape, contiguous); DocumentError for truncated or nonfinite numbers."""
    check_floats(name, tensor)
    if tensor.strides is not None:
        out[...] = _strided(name, tensor)
        check_finite(name, tensor, out)
        return
    flat = out.reshape(-1)

    def convert(part: slice) -> None:
        _read_some(name, tensor, part.start, flat[part])

    each(chunks(flat.size, -(-flat.size // CHUNK)), convert, threads_for(flat.size, WORTH))


def read_rows(name: str, tensor: Tensor, rows: Array) -> Array:
    """Some rows of a tensor, as a new float32 array; DocumentError for missing rows."""
    check_rows(name, tensor, rows)
    check_floats(name, tensor)
    if tensor.strides is not None:
        selected: Array = _strided(name, tensor)[rows]
        check_finite(name, tensor, selected)
        return selected
    out = np.empty((len(rows), *tensor.shape[1:]), np.float32)
    per_row = prod(tensor.shape[1:])
    if is_run(rows):
        _read_some(name, tensor, int(rows[0]) * per_row, out.reshape(-1))
        return out
    for row, number in zip(out.reshape(len(rows), per_row), rows.tolist(), strict=True):
        _read_some(name, tensor, number * per_row, row)
    return out


def is_run(rows: Array) -> bool:
    """Whether rows are consecutive, so that one read gets them."""
    return len(rows) > 0 and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))


def check_rows(name: str, tensor: Tensor, rows: Array) -> None:
    """DocumentError for rows outside a tensor."""
    if len(rows) and not 0 <= rows.min() <= rows.max() < tensor.shape[0]:
        raise DocumentError(
            f"{tensor.path}: {name} has {tensor.shape[0]} rows, and row {rows.max()} is asked for",
            hint="config.json and the weights contradict each other",
        )


def check_floats(name: str, tensor: Tensor) -> None:
    """DocumentError for a tensor of integers, or of floats that attn does not read."""
    if tensor.dtype not in DTYPES:
        raise DocumentError(
            f"{tensor.path}: {name} is stored as {tensor.dtype}, which attn does not read as weights",
            hint=f"it reads {', '.join(DTYPES)}: convert the checkpoint to bfloat16 or float32",
        )


def check_finite(name: str, tensor: Tensor, array: Array) -> None:
    """DocumentError if weights are NaN or infinite."""
    if not np.isfinite(array).all():
        raise DocumentError(
            f"{tensor.path}: {name} holds NaN or infinities",
            hint=f"{AGAIN}; a training run that diverged leaves such weights",
        )


def _read_some(name: str, tensor: Tensor, start: int, out: Array) -> None:
    """Fill `out` (float32) with a tensor's numbers from number `start`."""
    kind = np.dtype(DTYPES[tensor.dtype])
    raw = out if tensor.dtype == "F32" else np.empty(len(out), kind)
    read_bytes(name, tensor, start * kind.itemsize, raw.view(np.uint8))
    if tensor.dtype != "F32":
        widen(raw, tensor.dtype, out)
    check_finite(name, tensor, out)


def widen(raw: Array, dtype: str, out: Array) -> None:
    """Convert stored numbers to float32 in `out`; bfloat16 is the upper half of a float32."""
    if dtype == "BF16":
        np.left_shift(raw, 16, out=out.view(np.uint32), dtype=np.uint32)
    else:
        with np.errstate(over="ignore"):  # a float64 may overflow; check_finite refuses infinities
            out[...] = raw


def _strided(name: str, tensor: Tensor) -> Array:
    """A tensor that is not stored row by row, as float32."""
    raw = np.empty(tensor.size, np.uint8)
    read_bytes(name, tensor, 0, raw)
    stored = raw.view(DTYPES[tensor.dtype])
    flat = np.empty(stored.shape, np.float32)
    widen(stored, tensor.dtype, flat)
    strides = tuple(4 * step for step in tensor.strides or ())
    return np.lib.stride_tricks.as_strided(flat, tensor.shape, strides, writeable=False)
