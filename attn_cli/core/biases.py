"""Biases: what positions, masks of numbers and models add to scores, as a step."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.spec import Spec
from attn_cli.core.steps import Block, ScoreInputs
from attn_cli.trace.trace import Array

Addend = Callable[[Block], Array]
"""What is added to a block of scores: (head or 1, query, key), or (query, key) for all heads."""


class Term(Protocol):
    """Something that is added to scores; `part` is the part of the score that it counts as."""

    @property
    def words(self) -> str: ...

    @property
    def part(self) -> str: ...

    def at(self, inputs: ScoreInputs) -> Addend: ...


class AlibiTerm(NamedTuple):
    """−slope × distance, a slope for each head (Press et al. 2021, arXiv 2108.12409)."""

    slopes: Array
    words: str = "ALiBi"
    part: str = "position"

    def at(self, inputs: ScoreInputs) -> Addend:
        # float16 cannot tell position 2049 from 2048
        queries, keys = inputs.queries.astype(np.float64), inputs.keys.astype(np.float64)
        slopes = self.slopes.astype(inputs.dtype)

        def addend(block: Block) -> Array:
            distance = abs(queries[block.rows, np.newaxis] - keys).astype(slopes.dtype, copy=False)  # (query, key)
            product: Array = -slopes[block.heads, np.newaxis, np.newaxis] * distance
            return product

        return addend


class ArrayTerm(NamedTuple):
    """An array of numbers to add: (query, key) for all heads, or (head, query, key)."""

    array: Array
    words: str
    part: str = "bias"

    def at(self, inputs: ScoreInputs) -> Addend:
        array = self.array.astype(inputs.dtype, copy=False)
        return lambda block: block.of(array)


class Bias(NamedTuple):
    """Add what positions or a mask give to each score: the sum of the terms."""

    terms: tuple[Term, ...]
    makes: str = "biased"

    def at(self, inputs: ScoreInputs) -> "Addends":
        words = " + ".join(term.words for term in self.terms)
        return Addends(words, tuple(term.at(inputs) for term in self.terms))


class Addends(NamedTuple):
    """Scores plus the sum of some arrays."""

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
    """What positions, and a mask of numbers (query, key) or (head, query, key), add to scores."""
    slopes = spec.positions.slopes(spec.heads)
    alibi = () if slopes is None else (AlibiTerm(slopes),)
    return alibi if mask is None else (*alibi, ArrayTerm(mask, "attn_mask"))
