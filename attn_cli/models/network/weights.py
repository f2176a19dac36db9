"""One layer's weights by our names, independent of a family's names and packing."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.errors import DocumentError
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.products import Linear, linear
from attn_cli.trace.trace import Array, shape_words

Cut = Callable[[Array], Array]


class Packed(NamedTuple):
    """A module that stores weights in another layout, or several weights in one tensor.

    `cut` selects our weight from the tensor. `transposed` marks matrices stored in × out, `raw` a tensor named without
    `.weight`. `others` are modules that tied checkpoints store instead. `bias` is the full name of a raw tensor's bias.
    A `stacked` tensor holds the weights of all experts or heads, of which one is read.
    """

    module: str
    cut: Cut | None = None
    transposed: bool = False
    raw: bool = False
    others: tuple[str, ...] = ()
    bias: str = ""
    stacked: bool = False


Names = dict[str, str | Packed]
"""Our name → its module: `{i}` is the layer, `{e}` the expert; a leading `/` means no prefix."""

_ENDINGS = {"weight": (".weight", ".gamma"), "bias": (".bias", ".beta")}


class Weights:
    """The weights of one layer, or those outside of layers; each module is read once and kept for the layer."""

    def __init__(self, tensors: Tensors, names: Names, prefix: str, layer: int | None = None, expert: int = 0) -> None:
        self.tensors = tensors
        self.names = names
        self.prefix = prefix
        self.layer = layer
        self.number = expert
        self._held: dict[str, Array] = {}

    def expert(self, number: int) -> "Weights":
        """The weights of an expert of this layer: `{e}` is `number`."""
        return Weights(self.tensors, self.names, self.prefix, self.layer, number)

    def apply(self, name: str, x: Array) -> Array:
        """x (token, in) through a linear module, to (token, out)."""
        return linear(x, self.linear(name))[0]

    def linear(self, name: str) -> Linear:
        """A linear module; DocumentError if it holds no matrix."""
        matrix = self.matrix(name)
        if matrix.ndim != 2:
            raise DocumentError(
                f"{self.named(name)} is not a matrix: it has {matrix.ndim} dimensions",
                hint="config.json and the weights contradict each other",
            )
        return Linear(matrix, self.find(name, "bias"), self.named(name))

    def check_heads(self, name: str, made: Array, heads: int, width: int) -> None:
        """DocumentError if a module's output (token, feature) is not as wide as the config's heads together."""
        if made.shape[1] != heads * width:
            raise DocumentError(
                f"{self.named(name)} makes {made.shape[1]} numbers per token, "
                f"config.json says {heads} heads of width {width}",
                hint="config.json and the weights contradict each other",
            )

    def normed(self, norm: Norm, name: str, x: Array) -> Array:
        """x (token, feature) through a norm module, which may have no weights."""
        weight, bias = self.find(name, "weight"), self.find(name, "bias")
        for vector in (weight, bias):
            if vector is not None and vector.shape != x.shape[-1:]:
                raise DocumentError(
                    f"{self.named(name)} has {vector.size} numbers for vectors of width {x.shape[-1]}",
                    hint="config.json and the weights contradict each other",
                )
        return norm(x, weight, bias)

    def matrix(self, name: str) -> Array:
        """A matrix (out, in); DocumentError if the checkpoint lacks it."""
        matrix = self.find(name, "weight")
        if matrix is None:
            raise DocumentError(f"the checkpoint lacks {self.named(name)}", hint="copy or download all of its files")
        return matrix

    def find(self, name: str, kind: str = "weight") -> Array | None:
        """A module's weight or bias; None if it has none."""
        entry = self.names.get(name)
        if entry is None:
            return None
        part = Packed(entry) if isinstance(entry, str) else entry
        for stored in self._stored(part, kind):
            if stored in self.tensors:
                if stored not in self._held:
                    module = part.bias if part.raw and kind == "bias" else part.module
                    slot = f"{name if part.cut is None else module}.{kind}"
                    self._held[stored] = self._read(part, stored, slot)
                array = self._held[stored]
                return array if part.cut is None else _taken(part.cut, array, stored)
        return None

    def _read(self, part: Packed, stored: str, slot: str) -> Array:
        """A tensor, or this expert's slice of one; a matrix as (out, in)."""
        if part.stacked:
            array = self._of_expert(stored)
            return array.T if part.transposed and array.ndim == 2 else array
        return self.tensors.transposed(stored, slot) if part.transposed else self.tensors.read(stored, slot)

    def _of_expert(self, stored: str) -> Array:
        """This expert's slice of a tensor of all experts."""
        count = self.tensors.tensors[stored].shape[0]
        if self.number >= count:
            raise DocumentError(
                f"{stored} holds {count} experts or heads, but number {self.number} is needed",
                hint="config.json and the weights contradict each other",
            )
        array: Array = self.tensors.read(stored, stored, rows=np.array([self.number]))[0]
        return array

    def rows(self, name: str, indices: Array) -> Array:
        """The rows of a table at these indices, such as the vectors of tokens."""
        entry = self.names[name]
        for stored in self._stored(Packed(entry) if isinstance(entry, str) else entry, "weight"):
            if stored in self.tensors:
                return self.tensors.read(stored, stored, rows=indices)
        raise DocumentError(f"the checkpoint lacks {self.named(name)}", hint="copy or download all of its files")

    def named(self, name: str) -> str:
        """The checkpoint's name for a weight, for errors."""
        entry = self.names.get(name, name)
        stored = self._stored(Packed(entry) if isinstance(entry, str) else entry, "weight")
        return next((name for name in stored if name in self.tensors), stored[0])

    def _stored(self, part: Packed, kind: str) -> tuple[str, ...]:
        return _spelled(part, kind, self.prefix, self.layer, self.number)


@lru_cache(2**12)
def _spelled(part: Packed, kind: str, prefix: str, layer: int | None, expert: int) -> tuple[str, ...]:
    """The possible names of a tensor in a checkpoint, the likeliest first."""
    names: list[str] = []
    for module in (part.module, *part.others) if kind == "weight" or not part.raw else filter(None, [part.bias]):
        full = module.format(i=layer, e=expert)
        full = full[1:] if full.startswith("/") else prefix + full
        names += [full] if part.raw else [full + ending for ending in _ENDINGS[kind]]
    return tuple(names)


def _taken(cut: Cut, array: Array, stored: str) -> Array:
    try:
        return cut(array)
    except ValueError as error:
        raise DocumentError(
            f"{stored} is {shape_words(array.shape)}, and cannot be divided as config.json says",
            hint="config.json and the weights contradict each other",
        ) from error


def unclaimed(tensors: Tensors, names: Collection[Names], prefix: str, harmless: Collection[str]) -> list[str]:
    """The tensors that no stack names and no `harmless` pattern matches."""
    entries = [entry for of_stack in names for entry in of_stack.values()]
    parts = [Packed(entry) if isinstance(entry, str) else entry for entry in entries]
    modules = [module for part in parts for module in (part.module, *part.others, part.bias) if module]
    raw = [module for part in parts if part.raw for module in (part.module, part.bias)]
    patterns = [
        _pattern(module, prefix) + ("" if module in raw else r"\.(weight|bias|gamma|beta)") for module in modules
    ]
    claimed = re.compile("|".join(f"(?:{pattern})" for pattern in [*patterns, *harmless]))
    return [name for name in tensors.tensors if not claimed.fullmatch(name)]


def _pattern(module: str, prefix: str) -> str:
    module = module[1:] if module.startswith("/") else prefix + module
    return re.escape(module).replace(r"\{i\}", r"\d+").replace(r"\{e\}", r"\d+")


def third(index: int) -> Cut:
    """Select one of three equal blocks of rows: query, key and value one after another."""
    return lambda array: np.split(array, 3)[index]


def rows(start: int, stop: int) -> Cut:
    """Select rows start … stop − 1."""
    return lambda array: array[start:stop]


def by_head(heads: int, index: int, of: int = 3) -> Cut:
    """Select one of `of` blocks of rows within each head: query, key and value head by head."""

    def cut(array: Array) -> Array:
        per_head = array.reshape(heads, of, -1, *array.shape[1:])
        return per_head[:, index].reshape(-1, *array.shape[1:])

    return cut


def grouped(groups: int, of: int, start: int, stop: int) -> Cut:
    """Select blocks start … stop − 1 of `of` equal blocks of rows within each of `groups` groups."""

    def cut(array: Array) -> Array:
        blocks = array.reshape(groups, of, -1, *array.shape[1:])
        return blocks[:, start:stop].reshape(-1, *array.shape[1:])

    return cut


def fused(module: str, heads: int, kv_heads: int, groups: int = 1, order: str = "qkv") -> Names:
    """The names of queries, keys and values in one module: within each of `groups` groups, in that `order`."""
    counts = {"q": heads // groups, "k": kv_heads // groups, "v": kv_heads // groups}
    parts: Names = {}
    start, of = 0, sum(counts.values())
    for name in order:
        stop = start + counts[name]
        parts[name] = Packed(module, cut=grouped(groups, of, start, stop))
        start = stop
    return parts


def every(of: int, index: int) -> Cut:
    """Select one of each `of` rows, for weights that alternate row by row."""
    return lambda array: array[index::of]
