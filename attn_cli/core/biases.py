"""Biases on scores: ALiBi, additive masks and the step that adds them."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.spec import Spec
from attn_cli.core.steps import Block, ScoreInputs
from attn_cli.trace.trace import Array

Addend = Callable[[Block], Array]
"""The numbers to add to a block of scores: (head or 1, query, key), or (query, key) for all heads."""


class Term(Protocol):
    """A summand of scores; `part` names the part of the score it belongs to, `words` stand in the formula."""

    @property
    def words(self) -> str: ...

    @property
    def part(self) -> str: ...

    def at(self, inputs: ScoreInputs) -> Addend:
        """The numbers to add, for these inputs."""


class AlibiTerm(NamedTuple):
    """−slope × distance, with one slope per head (Press et al. 2021, arXiv 2108.12409)."""

    slopes: Array
    words: str = "ALiBi"
    part: str = "position"

    def at(self, inputs: ScoreInputs) -> Addend:
        # float16 cannot distinguish position 2049 from 2048
        queries, keys = inputs.queries.astype(np.float64), inputs.keys.astype(np.float64)
        slopes = self.slopes.astype(inputs.dtype)

        def addend(block: Block) -> Array:
            distance = abs(queries[block.rows, np.newaxis] - keys).astype(slopes.dtype, copy=False)  # (query, key)
            product: Array = -slopes[block.heads, np.newaxis, np.newaxis] * distance
            return product

        return addend


class ArrayTerm(NamedTuple):
    """An array to add: (query, key) for all heads, or (head, query, key)."""

    array: Array
    words: str
    part: str = "bias"

    def at(self, inputs: ScoreInputs) -> Addend:
        array = self.array.astype(inputs.dtype, copy=False)
        return lambda block: block.of(array)


class Bias(NamedTuple):
    """Add the sum of the terms to each score."""

    terms: tuple[Term, ...]
    makes: str = "biased"

    def at(self, inputs: ScoreInputs) -> "Addends":
        words = " + ".join(term.words for term in self.terms)
        return Addends(words, tuple(term.at(inputs) for term in self.terms))


class Addends(NamedTuple):
    """A bias ready to run: scores plus the sum of the addends."""

    words: str
    addends: tuple[Addend, ...]
    makes: str = "biased"

    def formula(self, before: str) -> str:
        return f"biased = {before} + {self.words}"

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        total = sum((addend(block) for addend in self.addends[1:]), start=self.addends[0](block))
        biased: Array = np.add(scores, total, out=out)
        return biased


def terms_of(spec: Spec, mask: Array | None = None) -> tuple[Term, ...]:
    """The terms of a spec's positions and of an additive mask (query, key) or (head, query, key)."""
    slopes = spec.positions.slopes(spec.heads)
    alibi = () if slopes is None else (AlibiTerm(slopes),)
    return alibi if mask is None else (*alibi, ArrayTerm(mask, "attn_mask"))
