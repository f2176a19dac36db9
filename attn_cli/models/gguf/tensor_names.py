"""Find a family's tensors in a GGUF file by llama.cpp's names, also stacked experts and joined modules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, product, takewhile
from math import prod
from typing import Any

import numpy as np

from attn_cli.models.family import Family
from attn_cli.models.files.tensor import Tensor
from attn_cli.models.gguf.architectures import GgufArchitecture
from attn_cli.models.gguf.header import library
from attn_cli.models.gguf.undo import Join, Undo
from attn_cli.models.network.plan import StackPlan
from attn_cli.models.network.weights import Packed
from attn_cli.trace.trace import Array

EXPERT = "{e}"


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor in the file, in one or more pieces, and the steps that undo llama.cpp's changes."""

    pieces: tuple[Tensor, ...]
    undo: tuple[Undo, ...] = ()
    join: Join | None = None

    @property
    def tensor(self) -> Tensor:
        """The tensor with the shape that the family expects; for a joined one, with the size of all pieces."""
        first = self.pieces[0]
        if self.join is None:
            return replace(first, shape=_transposed_shape(first.shape)) if transposed in self.undo else first
        numbers = sum(prod(piece.shape) for piece in self.pieces)
        shape = (first.shape[0], numbers // first.shape[0])
        return replace(first, shape=shape, size=sum(piece.size for piece in self.pieces))


def transposed(array: Array) -> Array:
    """A matrix (out, in) from llama.cpp, stored (in, out) like the family's, so that products round alike."""
    return np.ascontiguousarray(array.swapaxes(-1, -2))


def _transposed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], *reversed(shape[-2:]))


def named_tensors(
    architecture: GgufArchitecture, family: Family, stack: StackPlan, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, Stored, tuple[str, ...]]]:
    """For each tensor in the file: the family's name, its storage, and llama.cpp's names."""
    gguf = library()
    layers = len(stack.layers)
    name_map = gguf.get_tensor_name_map(
        next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture.name), layers
    )
    for name, entry in stack.names.items():
        part = Packed(entry) if isinstance(entry, str) else entry
        join = next((join for join in architecture.joins if name in join.names), None)
        for module, layer in product((part.module, *part.others), range(layers)):
            if layer and "{i}" not in module:
                continue
            undo = architecture.undo(name, stack.layers[layer])
            family_names = [_spelled(prefix, module, layer) for prefix in family.prefixes]
            for kind, full_name in _kinds(part, family.prefixes[0], family_names[0], layer):
                transpose_back = transposed if part.transposed and kind == ".weight" else None
                undo_steps = tuple(filter(None, (undo, transpose_back)))
                joined = tuple(f"blk.{layer}.{piece}{kind}" for piece in join.pieces) if join else ()
                if joined and all(piece in tensors for piece in joined):
                    yield full_name, Stored(tuple(tensors[piece] for piece in joined), undo_steps, join), joined
                elif (
                    gguf_name := next(filter(None, map(partial(_gguf_name, name_map), family_names)), None)
                ) is not None:
                    yield from _located(full_name, gguf_name, kind, tensors, undo_steps)


def _spelled(prefix: str, module: str, layer: int) -> str:
    module = module.replace("{i}", str(layer))
    return module[1:] if module.startswith("/") else prefix + module


def _kinds(part: Packed, prefix: str, name: str, layer: int) -> Iterator[tuple[str, str]]:
    """llama.cpp's suffix of each tensor of a module, and the family's full name."""
    if not part.raw:
        yield from ((kind, name + kind) for kind in (".weight", ".bias"))
    elif name.endswith("_bias"):
        yield ".bias", name
    else:
        yield ".weight", name
        if part.bias:
            yield ".bias", _spelled(prefix, part.bias, layer)


def _gguf_name(name_map: Any, module: str) -> str | None:
    """llama.cpp's name of a module; all experts of a layer are one module."""
    name: str | None = name_map.get_name(module.replace(f".{EXPERT}", "").removesuffix("_bias"))
    return name


def _located(
    full_name: str, gguf_name: str, kind: str, tensors: Mapping[str, Tensor], undo: tuple[Undo, ...]
) -> Iterator[tuple[str, Stored, tuple[str, ...]]]:
    """A tensor, or those of all experts: from a stack, from half of one, or in older files one by one."""
    if EXPERT not in full_name:
        if (name := gguf_name + kind) in tensors:
            yield full_name, Stored((tensors[name],), undo), (name,)
        return
    for name, half in ((gguf_name, None), *_halves(gguf_name)):
        if (stack := tensors.get(name + kind)) is not None and len(stack.shape) > 1:
            for number in range(stack.shape[0]):
                expert = _cut(stack, number, stack.shape[0], stack.shape[1:])
                if half is not None:
                    expert = _cut(expert, half, 2, (expert.shape[0] // 2, *expert.shape[1:]))
                yield full_name.replace(EXPERT, str(number)), Stored((expert,), undo), (name + kind,)
            return
    separate = (f"{gguf_name.removesuffix('_exps')}.{number}{kind}" for number in count())
    for number, name in enumerate(takewhile(tensors.__contains__, separate)):
        yield full_name.replace(EXPERT, str(number)), Stored((tensors[name],), undo), (name,)


def _halves(gguf_name: str) -> Iterator[tuple[str, int]]:
    """For gates and ups: the stack in which newer files keep both, and the half of each expert's rows."""
    for half, ending in enumerate(("_gate_exps", "_up_exps")):
        if gguf_name.endswith(ending):
            yield f"{gguf_name.removesuffix(ending)}_gate_up_exps", half


def _cut(tensor: Tensor, number: int, of: int, shape: tuple[int, ...]) -> Tensor:
    """One of `of` equal consecutive parts of a tensor."""
    size = tensor.size // of
    return replace(tensor, shape=shape, start=tensor.start + number * size, size=size)
