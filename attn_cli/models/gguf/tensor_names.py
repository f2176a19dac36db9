"""A family's tensors in a GGUF file: llama.cpp's names for them, experts in stacks, modules in pieces."""

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
    """A tensor as the file holds it, in one piece or more, and what undoes llama.cpp's changes to it."""

    pieces: tuple[Tensor, ...]
    undo: tuple[Undo, ...] = ()
    join: Join | None = None

    @property
    def tensor(self) -> Tensor:
        """The shape and size that the family sees; of a joined tensor, how many numbers its pieces hold."""
        first = self.pieces[0]
        if self.join is None:
            return replace(first, shape=_transposed_shape(first.shape)) if transposed in self.undo else first
        numbers = sum(prod(piece.shape) for piece in self.pieces)
        shape = (first.shape[0], numbers // first.shape[0])
        return replace(first, shape=shape, size=sum(piece.size for piece in self.pieces))


def transposed(array: Array) -> Array:
    """A matrix (out, in), as llama.cpp keeps it, stored (in, out) as the family has it: products then round alike."""
    return np.ascontiguousarray(array.swapaxes(-1, -2))


def _transposed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], *reversed(shape[-2:]))


def named_tensors(
    architecture: GgufArchitecture, family: Family, stack: StackPlan, tensors: Mapping[str, Tensor]
) -> Iterator[tuple[str, Stored, tuple[str, ...]]]:
    """The family's name of each tensor that is there, how the file holds it, and llama.cpp's names of that."""
    gguf = library()
    layers = len(stack.layers)
    known = gguf.get_tensor_name_map(
        next(k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture.name), layers
    )
    for name, entry in stack.names.items():
        part = Packed(entry) if isinstance(entry, str) else entry
        join = next((join for join in architecture.joins if name in join.names), None)
        for module, layer in product((part.module, *part.others), range(layers)):
            if layer and "{i}" not in module:
                continue
            undo = architecture.undo(name, stack.layers[layer])
            ours = [_spelled(prefix, module, layer) for prefix in family.prefixes]
            for kind, own in _kinds(part, family.prefixes[0], ours[0], layer):
                transpose_back = transposed if part.transposed and kind == ".weight" else None
                undo_steps = tuple(filter(None, (undo, transpose_back)))
                joined = tuple(f"blk.{layer}.{piece}{kind}" for piece in join.pieces) if join else ()
                if joined and all(piece in tensors for piece in joined):
                    yield own, Stored(tuple(tensors[piece] for piece in joined), undo_steps, join), joined
                elif (theirs := next(filter(None, map(partial(_theirs, known), ours)), None)) is not None:
                    yield from _found(own, theirs, kind, tensors, undo_steps)


def _spelled(prefix: str, module: str, layer: int) -> str:
    module = module.replace("{i}", str(layer))
    return module[1:] if module.startswith("/") else prefix + module


def _kinds(part: Packed, prefix: str, ours: str, layer: int) -> Iterator[tuple[str, str]]:
    """llama.cpp's ending of each tensor of a module, and the family's whole name of it."""
    if not part.raw:
        yield from ((kind, ours + kind) for kind in (".weight", ".bias"))
    elif ours.endswith("_bias"):
        yield ".bias", ours
    else:
        yield ".weight", ours
        if part.bias:
            yield ".bias", _spelled(prefix, part.bias, layer)


def _theirs(known: Any, module: str) -> str | None:
    """llama.cpp's name of a module, all experts of a layer being one."""
    found: str | None = known.get_name(module.replace(f".{EXPERT}", "").removesuffix("_bias"))
    return found


def _found(
    own: str, theirs: str, kind: str, tensors: Mapping[str, Tensor], undo: tuple[Undo, ...]
) -> Iterator[tuple[str, Stored, tuple[str, ...]]]:
    """A tensor, or those of all experts: a stack, the halves of one, or, in older files, each by its number."""
    if EXPERT not in own:
        if (name := theirs + kind) in tensors:
            yield own, Stored((tensors[name],), undo), (name,)
        return
    for name, half in ((theirs, None), *_halves(theirs)):
        if (stack := tensors.get(name + kind)) is not None and len(stack.shape) > 1:
            for number in range(stack.shape[0]):
                expert = _cut(stack, number, stack.shape[0], stack.shape[1:])
                if half is not None:
                    expert = _cut(expert, half, 2, (expert.shape[0] // 2, *expert.shape[1:]))
                yield own.replace(EXPERT, str(number)), Stored((expert,), undo), (name + kind,)
            return
    alone = (f"{theirs.removesuffix('_exps')}.{number}{kind}" for number in count())
    for number, name in enumerate(takewhile(tensors.__contains__, alone)):
        yield own.replace(EXPERT, str(number)), Stored((tensors[name],), undo), (name,)


def _halves(theirs: str) -> Iterator[tuple[str, int]]:
    """Gates and ups of a layer that newer files keep in one stack, and which half of each expert's rows is meant."""
    for half, ending in enumerate(("_gate_exps", "_up_exps")):
        if theirs.endswith(ending):
            yield f"{theirs.removesuffix(ending)}_gate_up_exps", half


def _cut(tensor: Tensor, number: int, of: int, shape: tuple[int, ...]) -> Tensor:
    """One of the equal parts that a tensor consists of, one after another."""
    size = tensor.size // of
    return replace(tensor, shape=shape, start=tensor.start + number * size, size=size)
