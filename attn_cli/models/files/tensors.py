"""Tensors of a checkpoint folder: safetensors files, single or sharded, mapped into memory and never read whole."""

import json
import mmap
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.core.memory import turn
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
OFTEN, KEPT = 4, 2**30  # how often a matrix is read until it is worth turning; how many bytes of turned ones to keep
DTYPES = MappingProxyType({"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"})


@dataclass(frozen=True)
class Tensor:
    """Where a tensor's numbers stand: a file and the bytes in it."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


class Tensors:
    """The tensors of a folder by name; `read` gives float32, which the next read of its slot may overwrite.

    Files are mapped into memory: float32 is not copied, and what is mapped can always be had again. The system ends a
    process that looks at what is no longer in the file, so that the file's length is looked up before each tensor;
    what is left to chance is a file that is cut short while a layer of it is being multiplied.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self._buffers: dict[str, Array] = {}
        self._mapped: dict[str, mmap.mmap] = {}
        self._times_read: Counter[str] = Counter()
        self._turned: dict[str, Array] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def read(self, name: str, slot: str, rows: Array | None = None) -> Array:
        """A tensor, or only some of its rows; DocumentError where its file breaks off."""
        tensor = self.tensors[name]
        check_rows(name, tensor, rows)
        stored = self._stored(name, tensor)
        if rows is not None:
            stored = stored[rows]
            out: Array | None = np.empty(stored.shape, np.float32)
        elif tensor.dtype == "F32":
            return stored
        else:
            out = self._buffers.get(slot)
        if out is None or out.shape != stored.shape:
            out = self._buffers[slot] = np.empty(stored.shape, np.float32)
        _widen(stored, tensor.dtype, out)
        return out

    def turned(self, name: str, slot: str) -> Array:
        """A tensor; a matrix (in, out) turned to (out, in), one that is read often as a copy: it is faster to use."""
        if name in self._turned:
            return self._turned[name]
        stored = self.read(name, slot)
        if stored.ndim != 2:
            return stored
        self._times_read[name] += 1
        kept = stored.nbytes + sum(array.nbytes for array in self._turned.values())
        if self._times_read[name] < OFTEN or kept > KEPT:
            return stored.T
        copy = self._turned[name] = np.empty(stored.shape[::-1], stored.dtype)
        turn(stored, copy)
        return copy

    def forget(self) -> None:
        """Drop the numbers that were kept for the next read, so that one run leaves none to the next."""
        self._buffers.clear()
        self._times_read.clear()
        self._turned.clear()

    def let_go(self) -> None:
        """Give back the memory of what was looked at; looked at again, it comes from the disk's cache."""
        for mapped in self._mapped.values():
            if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
                mapped.madvise(mmap.MADV_DONTNEED)

    def _stored(self, name: str, tensor: Tensor) -> Array:
        """The tensor as its file holds it, read-only."""
        path = tensor.path
        try:
            if path not in self._mapped:
                with _opened(path) as file:
                    self._mapped[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            mapped = self._mapped[path]
            if mapped.size() < tensor.start + tensor.size:  # the file's length as it is now
                raise ValueError("cut short")
            return np.ndarray(tensor.shape, DTYPES[tensor.dtype], mapped, tensor.start)
        except (OSError, ValueError, TypeError) as error:
            raise DocumentError(f"{path}: breaks off in {name}", hint="copy or download the file again") from error


def check_rows(name: str, tensor: Tensor, rows: Array | None) -> None:
    """DocumentError for rows that a tensor has not."""
    if rows is not None and len(rows) and not 0 <= rows.min() <= rows.max() < tensor.shape[0]:
        raise DocumentError(
            f"{tensor.path}: {name} has {tensor.shape[0]} rows, and row {rows.max()} is asked for",
            hint="config.json and the weights contradict each other",
        )


def _widen(raw: Array, dtype: str, out: Array) -> None:
    if dtype == "BF16":
        np.left_shift(raw, 16, out=out.view(np.uint32), dtype=np.uint32)
    else:
        out[...] = raw


def open_folder(folder: str) -> Tensors:
    """The tensors of a checkpoint folder; DocumentError where files are missing, damaged or outside of it."""
    single, index = os.path.join(folder, SINGLE), os.path.join(folder, INDEX)
    if os.path.exists(index):
        return Tensors(_sharded(folder, index))
    if os.path.exists(single):
        return Tensors(_header(single))
    others = [name for name in sorted(os.listdir(folder)) if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".h5"))]
    if others:
        raise DocumentError(
            f"{folder}: holds {others[0]} and no {SINGLE}; loading it could run code that is hidden in it",
            hint="convert it: transformers' model.save_pretrained(folder) writes safetensors",
        )
    raise DocumentError(f"{folder}: holds no {SINGLE}", hint="name the folder that holds config.json and the weights")


def _sharded(folder: str, index: str) -> dict[str, Tensor]:
    places = _json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise DocumentError(f"{index}: holds no weight_map", hint="copy or download the checkpoint again")
    found: dict[str, Tensor] = {}
    for shard in dict.fromkeys(places.values()):
        if PurePosixPath(shard).name != shard or shard in ("", ".", ".."):
            raise DocumentError(
                f"{index}: the shard {shard!r} is not a file of the folder", hint="shards stand beside it"
            )
        path = os.path.join(folder, shard)
        if not os.path.exists(path):
            raise DocumentError(f"{path}: no such file, and {INDEX} needs it", hint="copy or download this shard too")
        found |= _header(path)
    if missing := [name for name in places if name not in found]:
        raise DocumentError(f"{index}: {missing[0]} is in no shard", hint="copy or download the checkpoint again")
    return found


def _header(path: str) -> dict[str, Tensor]:
    """What a file holds, after the library has found it sound."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np"):
            pass
        with _opened(path) as file:
            length = int.from_bytes(file.read(8), "little")
            entries: dict[str, Any] = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise DocumentError(
            f"{path}: is no sound safetensors file: {error}", hint="copy or download it again"
        ) from error
    found: dict[str, Tensor] = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in DTYPES:
            dtype = entry["dtype"] if not name.endswith("position_ids") else "F32"
            if dtype not in DTYPES and not dtype.startswith(("I", "U", "BOOL")):
                raise DocumentError(
                    f"{path}: {name} is stored as {dtype}, which attn does not read",
                    hint=f"it reads {', '.join(DTYPES)}: convert the checkpoint to bfloat16 or float32",
                )
        start, end = entry["data_offsets"]
        found[name] = Tensor(path, entry["dtype"], tuple(entry["shape"]), 8 + length + start, end - start)
    return found


def _json(path: str) -> dict[str, Any]:
    from attn_cli.trace.files.parsing import parse_json

    with _opened(path) as file:
        document = parse_json(file.read(), path)
    if not isinstance(document, dict):
        raise DocumentError(f"{path}: holds no object", hint="copy or download it again")
    return document


def _opened(path: str) -> Any:
    try:
        return open(path, "rb")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}", hint="check the path") from error
