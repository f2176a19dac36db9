"""The tensors of a GGUF file by the names that the family's own checkpoints have, dequantised one at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.families.gguf import Twin, Undo
from attn_cli.models.family import Architecture, Family
from attn_cli.models.gguf.header import AGAIN, Header, library
from attn_cli.models.plan import StackPlan
from attn_cli.models.tensors import Tensor, Tensors
from attn_cli.models.weights import Part
from attn_cli.trace.trace import Array

ROPE_TENSORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Tensors that are settings: the config has them."""


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as the file holds it, and what undoes llama.cpp's changes to it."""

    tensor: Tensor
    undo: tuple[Undo, ...] = ()


class GgufTensors(Tensors):
    """Tensors that are stored another way than they are read; each read gives float32 of its own."""

    def __init__(self, tensors: Mapping[str, Tensor], stored: Mapping[str, Stored]) -> None:
        super().__init__(tensors)
        self.stored = stored

    def read(self, name: str, slot: str, rows: Array | None = None) -> Array:
        """A tensor, or only some of its rows; DocumentError where the file breaks off."""
        stored = self.stored[name]
        tensor = stored.tensor
        if rows is None:
            raw, shape = _bytes(name, tensor).reshape(prod(tensor.shape[:-1]), -1), tensor.shape
        else:
            table = np.memmap(
                tensor.path, np.uint8, "r", tensor.start, (tensor.shape[0], tensor.size // tensor.shape[0])
            )
            raw, shape = np.asarray(table[rows]), (len(rows), *tensor.shape[1:])
        array = _widened(raw, tensor.dtype).reshape(shape)
        for undo in stored.undo:
            array = undo(array)
        return array


def _bytes(name: str, tensor: Tensor) -> Array:
    raw = np.empty(tensor.size, np.uint8)
    try:
        with open(tensor.path, "rb") as file:
            file.seek(tensor.start)
            count = file.readinto(raw.data)
    except OSError as error:
        raise DocumentError(f"{tensor.path}: cannot be read: {error.strerror}", hint="check the path") from error
    if count != tensor.size:
        raise DocumentError(f"{tensor.path}: breaks off in {name}", hint=AGAIN)
    return raw


def _widened(raw: Array, dtype: str) -> Array:
    """Rows of bytes (row, byte) as float32."""
    if dtype == "F32":
        return raw.view("<f4")
    gguf = library()
    array: Array = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[dtype])
    return array.astype(np.float32, copy=False)


def numbers(header: Header, name: str) -> list[float]:
    """A small tensor's numbers, one after another."""
    tensor = header.tensors[name]
    found: list[float] = _widened(_bytes(name, tensor).reshape(1, -1), tensor.dtype).reshape(-1).tolist()
    return found


def tensors_of(header: Header, twin: Twin, family: Family, architecture: Architecture) -> Tensors:
    """The file's tensors under the family's names; those that have none there keep llama.cpp's."""
    (stack,) = architecture.stacks
    shapes = {name: tensor for name, tensor in header.tensors.items() if name not in ROPE_TENSORS}
    stored = {name: Stored(tensor) for name, tensor in shapes.items()}
    for name, part, layer, ours, theirs in _names(twin, family, stack):
        tensor = header.tensors.get(theirs)
        if tensor is None:
            continue
        undone = [twin.undo(name, stack.layers[layer or 0])]
        if part.transposed and len(tensor.shape) == 2:
            undone.append(_turned)
        shapes.pop(theirs, None)
        shapes[ours] = replace(tensor, shape=tensor.shape[::-1] if _turned in undone else tensor.shape)
        stored[ours] = Stored(tensor, tuple(filter(None, undone)))
    return GgufTensors(shapes, stored)


def _turned(array: Array) -> Array:
    """llama.cpp keeps every matrix out × in; set in memory as the family's own, products round alike."""
    return np.ascontiguousarray(array.T)


def _names(twin: Twin, family: Family, stack: StackPlan) -> Iterator[tuple[str, Part, int | None, str, str]]:
    """Our name of a module, how it is kept, its layer; then a tensor of it as the family and as llama.cpp call it."""
    gguf = library()
    known = gguf.get_tensor_name_map(
        next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == twin.name), len(stack.layers)
    )
    for name, entry in stack.names.items():
        part = Part(entry) if isinstance(entry, str) else entry
        for layer in range(len(stack.layers)) if "{i}" in part.module else [None]:
            module = part.module.format(i=layer)
            spelled = [module[1:]] if module.startswith("/") else [prefix + module for prefix in family.prefixes]
            theirs = next(filter(None, map(known.get_name, spelled)), None)
            if theirs is not None:
                for kind in (".weight", ".bias"):
                    yield name, part, layer, spelled[0] + kind, theirs + kind
