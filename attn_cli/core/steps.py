"""The interface of steps on scores: a step works on blocks of heads and rows, and makes one stage from the last."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.spec import Spec
from attn_cli.trace.stages import last_form
from attn_cli.trace.trace import Array

Shape = tuple[int, int, int]


class Block(NamedTuple):
    """A slice of heads and rows of an array (head, query, key): the unit of work."""

    heads: slice
    rows: slice

    def of(self, array: Array) -> Array:
        """The block of an array (head, query, …), or of one (query, key) that all heads share."""
        return array[self.rows] if array.ndim == 2 else array[self.heads, self.rows]

    def shape(self, whole: Shape) -> Shape:
        """The shape of the block of an array of shape `whole`."""
        return self.heads.stop - self.heads.start, self.rows.stop - self.rows.start, whole[2]


def whole(shape: Shape) -> Block:
    """The block that covers an array (head, query, key)."""
    return Block(slice(0, shape[0]), slice(0, shape[1]))


def shared(x: Array, block: Block, heads: int) -> Array:
    """The matrices (head or 1, key, feature) of x (key head, key, feature) for the block's query heads (GQA)."""
    key_heads = np.arange(block.heads.start, block.heads.stop) * len(x) // heads
    first, last = int(key_heads[0]), int(key_heads[-1])
    return x[first : last + 1] if last - first in (0, len(key_heads) - 1) else x[key_heads]


class ScoreInputs(NamedTuple):
    """The input of steps on scores (head, query, key): the stages so far, and the positions of queries and keys."""

    stages: Mapping[str, Array]
    shape: Shape
    queries: Array
    keys: Array
    dtype: str


def head_width(stages: Mapping[str, Array], spec: Spec) -> int | None:
    """The width of a head: that of the queries, or the spec's d_k, or None if neither is known."""
    form = last_form("Q", stages)
    return spec.d_k if form is None else int(stages[form].shape[2])


class BlockStep(Protocol):
    """A step ready to run on blocks of scores (head, query, key)."""

    @property
    def makes(self) -> str:
        """The stage it makes; if two steps make the same stage, the second changes the result of the first."""

    def formula(self, before: str) -> str:
        """The stage's formula; `before` is the name of the previous stage, or the formula to extend."""

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        """The new scores, written into `out`, which may be `scores` itself."""


class ScoreStep(Protocol):
    """A change of scores, independent of the text."""

    @property
    def makes(self) -> str:
        """The stage it makes."""

    def at(self, inputs: ScoreInputs) -> BlockStep | None:
        """The step for these inputs, None if it changes nothing."""


class Refined(NamedTuple):
    """Two steps that make one stage; the second changes the result of the first."""

    first: BlockStep
    second: BlockStep

    @property
    def makes(self) -> str:
        return self.first.makes

    def formula(self, before: str) -> str:
        return self.second.formula(self.first.formula(before))

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        return self.second(self.first(scores, block, out), block, out)
