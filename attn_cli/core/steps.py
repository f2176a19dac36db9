"""What a step on scores is: it works on blocks of heads and rows, and makes a stage from the one before it."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.spec import Spec
from attn_cli.trace.stages import last_form
from attn_cli.trace.trace import Array

Shape = tuple[int, int, int]


class Block(NamedTuple):
    """Some heads and some rows of an array (head, query, key): what is worked on at a time."""

    heads: slice
    rows: slice

    def of(self, array: Array) -> Array:
        """The block's part of (head, query, …), or of (query, key) that all heads share."""
        return array[self.rows] if array.ndim == 2 else array[self.heads, self.rows]

    def shape(self, whole: Shape) -> Shape:
        """The shape of the block's part of an array of shape `whole`."""
        return self.heads.stop - self.heads.start, self.rows.stop - self.rows.start, whole[2]


def whole(shape: Shape) -> Block:
    """The block that is all of an array (head, query, key)."""
    return Block(slice(0, shape[0]), slice(0, shape[1]))


def shared(x: Array, block: Block, heads: int) -> Array:
    """The matrices (head or 1, key, feature) that the block's query heads look through, of fewer key heads."""
    places = np.arange(block.heads.start, block.heads.stop) * len(x) // heads
    first, last = int(places[0]), int(places[-1])
    return x[first : last + 1] if last - first in (0, len(places) - 1) else x[places]


class ScoreInputs(NamedTuple):
    """What steps on scores (head, query, key) may read: the stages so far, and the positions of queries and keys."""

    stages: Mapping[str, Array]
    shape: Shape
    queries: Array
    keys: Array
    dtype: str


def head_width(stages: Mapping[str, Array], spec: Spec) -> int | None:
    """The width of a head, as far as the queries show it or the spec says it."""
    form = last_form("Q", stages)
    return spec.d_k if form is None else int(stages[form].shape[2])


class BlockStep(Protocol):
    """A step that is ready to run on blocks of scores (head, query, key)."""

    @property
    def makes(self) -> str:
        """The stage that it makes; of two steps with the same stage the second changes what the first has made."""

    def formula(self, before: str) -> str:
        """The formula of the stage, given the name of the stage before it, or the formula of the step before it."""

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        """The changed scores, written into `out`, which may be `scores` itself."""


class ScoreStep(Protocol):
    """One change of scores, as a value that knows no numbers of the text."""

    @property
    def makes(self) -> str: ...

    def at(self, inputs: ScoreInputs) -> BlockStep | None:
        """The step for these inputs, None where it has nothing to do."""


class Refined(NamedTuple):
    """A step, and another one that changes what it has made before that becomes a stage."""

    first: BlockStep
    second: BlockStep

    @property
    def makes(self) -> str:
        return self.first.makes

    def formula(self, before: str) -> str:
        return self.second.formula(self.first.formula(before))

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        return self.second(self.first(scores, block, out), block, out)
