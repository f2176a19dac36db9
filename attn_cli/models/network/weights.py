"""One layer's weights by our names, whatever a family calls them and however it packs them."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.errors import DocumentError
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.products import Linear, linear
from attn_cli.trace.trace import Array

Cut = Callable[[Array], Array]


class Packed(NamedTuple):
    """A module that holds more than one thing, or holds it another way: what to take of each of its tensors.

    `transposed` is for matrices stored in × out; `raw` for a tensor that stands alone, without `.weight`; `others` are
    modules that some checkpoints hold in its place, for weights that are tied. `bias` is the whole name of a raw
    tensor's bias. A `stacked` tensor holds every expert's, or every head's, of which one is read.
    """

    module: str
    cut: Cut | None = None
    transposed: bool = False
    raw: bool = False
    others: tuple[str, ...] = ()
    bias: str = ""
    stacked: bool = False


Names = dict[str, str | Packed]
"""Our name → the module that holds it: `{i}` is the layer, `{e}` the expert; `/` begins a name without prefix."""

_ENDINGS = {"weight": (".weight", ".gamma"), "bias": (".bias", ".beta")}


class Weights:
    """The weights of one layer, or outside of layers; each module is read once and kept until the layer is done."""

    def __init__(self, tensors: Tensors, names: Names, prefix: str, layer: int | None = None, expert: int = 0) -> None:
        self.tensors = tensors
        self.names = names
        self.prefix = prefix
        self.layer = layer
        self.number = expert
        self._held: dict[str, Array] = {}

    def expert(self, number: int) -> "Weights":
        """The same layer's weights, `{e}` being this expert."""
        return Weights(self.tensors, self.names, self.prefix, self.layer, number)

    def apply(self, name: str, x: Array) -> Array:
        """x (token, in) through a linear module."""
        return linear(x, self.linear(name))[0]

    def linear(self, name: str) -> Linear:
        """A linear module; DocumentError where it holds no matrix."""
        matrix = self.matrix(name)
        if matrix.ndim != 2:
            raise DocumentError(
                f"{self.named(name)} is no matrix: it has {matrix.ndim} dimensions",
                hint="config.json and the weights contradict each other",
            )
        return Linear(matrix, self.find(name, "bias"), self.named(name))

    def check_heads(self, name: str, made: Array, heads: int, width: int) -> None:
        """DocumentError where what a module made (token, feature) is not as wide as the config's heads together."""
        if made.shape[1] != heads * width:
            raise DocumentError(
                f"{self.named(name)} makes {made.shape[1]} numbers a token, "
                f"config.json says {heads} heads of width {width}",
                hint="config.json and the weights contradict each other",
            )

    def normed(self, norm: Norm, name: str, x: Array) -> Array:
        """x through a norm module, which may have no weights of its own."""
        weight, bias = self.find(name, "weight"), self.find(name, "bias")
        for vector in (weight, bias):
            if vector is not None and vector.shape != x.shape[-1:]:
                raise DocumentError(
                    f"{self.named(name)} has {vector.size} numbers for vectors of width {x.shape[-1]}",
                    hint="config.json and the weights contradict each other",
                )
        return norm(x, weight, bias)

    def matrix(self, name: str) -> Array:
        """A matrix (out, in); DocumentError where the checkpoint lacks it."""
        found = self.find(name, "weight")
        if found is None:
            raise DocumentError(f"the checkpoint lacks {self.named(name)}", hint="copy or download all of its files")
        return found

    def find(self, name: str, kind: str = "weight") -> Array | None:
        """A module's weight or bias, None where it has none."""
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
        """A tensor, or this expert's part of one; a matrix as (out, in)."""
        if part.stacked:
            one = self._one(stored)
            return one.T if part.transposed and one.ndim == 2 else one
        return self.tensors.transposed(stored, slot) if part.transposed else self.tensors.read(stored, slot)

    def _one(self, stored: str) -> Array:
        """This expert's part of a tensor that holds those of all."""
        count = self.tensors.tensors[stored].shape[0]
        if self.number >= count:
            raise DocumentError(
                f"{stored} holds {count} of them, and one more is asked for",
                hint="config.json and the weights contradict each other",
            )
        one: Array = self.tensors.read(stored, stored, rows=np.array([self.number]))[0]
        return one

    def rows(self, name: str, places: Array) -> Array:
        """Some rows of a table, such as the vectors of some tokens."""
        entry = self.names[name]
        for stored in self._stored(Packed(entry) if isinstance(entry, str) else entry, "weight"):
            if stored in self.tensors:
                return self.tensors.read(stored, stored, rows=places)
        raise DocumentError(f"the checkpoint lacks {self.named(name)}", hint="copy or download all of its files")

    def named(self, name: str) -> str:
        """What the checkpoint calls it, for messages."""
        entry = self.names.get(name, name)
        stored = self._stored(Packed(entry) if isinstance(entry, str) else entry, "weight")
        return next((name for name in stored if name in self.tensors), stored[0])

    def _stored(self, part: Packed, kind: str) -> tuple[str, ...]:
        return _spelled(part, kind, self.prefix, self.layer, self.number)


@lru_cache(2**12)
def _spelled(part: Packed, kind: str, prefix: str, layer: int | None, expert: int) -> tuple[str, ...]:
    """What a checkpoint may call a part's tensor, the likeliest first."""
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
            f"{stored} is {'×'.join(map(str, array.shape))}, and cannot be divided as config.json says",
            hint="config.json and the weights contradict each other",
        ) from error


def unclaimed(tensors: Tensors, names: Collection[Names], prefix: str, harmless: Collection[str]) -> list[str]:
    """The tensors that no name of the stacks means and that are not known to change nothing (patterns)."""
    entries = [entry for some in names for entry in some.values()]
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


def third(place: int) -> Cut:
    """One of three equal blocks of rows: query, key, value one after another."""
    return lambda array: np.split(array, 3)[place]


def rows(start: int, stop: int) -> Cut:
    """Rows start … stop − 1."""
    return lambda array: array[start:stop]


def by_head(heads: int, place: int, of: int = 3) -> Cut:
    """One of `of` blocks of rows within each head: query, key, value head by head."""

    def cut(array: Array) -> Array:
        per_head = array.reshape(heads, of, -1, *array.shape[1:])
        return per_head[:, place].reshape(-1, *array.shape[1:])

    return cut


def grouped(groups: int, of: int, start: int, stop: int) -> Cut:
    """Blocks start … stop − 1 out of `of` equal blocks of rows, in each of `groups`, one group after another."""

    def cut(array: Array) -> Array:
        blocks = array.reshape(groups, of, -1, *array.shape[1:])
        return blocks[:, start:stop].reshape(-1, *array.shape[1:])

    return cut


def fused(module: str, heads: int, kv_heads: int, groups: int = 1, order: str = "qkv") -> Names:
    """Queries, keys and values that one module makes: in each of `groups` its heads of each, in that `order`."""
    counts = {"q": heads // groups, "k": kv_heads // groups, "v": kv_heads // groups}
    parts: Names = {}
    start, of = 0, sum(counts.values())
    for name in order:
        stop = start + counts[name]
        parts[name] = Packed(module, cut=grouped(groups, of, start, stop))
        start = stop
    return parts


def every(of: int, place: int) -> Cut:
    """One row out of each `of` rows: things that alternate."""
    return lambda array: array[place::of]
