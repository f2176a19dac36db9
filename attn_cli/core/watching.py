"""Watching a run: rows of its weights, gathered while it computes them, so that no whole matrix need be kept."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.steps import Block, Shape
from attn_cli.trace.trace import Array


class Watch(Protocol):
    """What is shown the scores of one attention, block by block, after each stage."""

    def start(self, shape: Shape) -> None:
        """Take note of the shape (head, query, key) before the first block."""

    def see(self, stage: str, block: Block, values: Array) -> None:
        """Look at one block of a stage; the next step overwrites `values`. Several threads call this."""


class Rows(NamedTuple):
    """Queries, and the share of each in a mean."""

    queries: Array
    shares: Array


class MeanRow(Watch):
    """The mean of some rows of the weights, and which keys are masked from all of them.

    `choose` returns the rows of an attention by its number of queries. Results are (head, key); they are the same
    whatever the order in which threads finish.
    """

    def __init__(self, choose: Callable[[int], Rows]) -> None:
        self._choose = choose
        self._sums: dict[tuple[int, int], Array] = {}
        self._masked: dict[tuple[int, int], Array] = {}
        self.shape: Shape = (0, 0, 0)

    def start(self, shape: Shape) -> None:
        self.shape = shape
        self.rows = self._choose(shape[1])

    def see(self, stage: str, block: Block, values: Array) -> None:
        if stage not in ("masked", "weights"):
            return
        queries = self.rows.queries
        inside = (queries >= block.rows.start) & (queries < block.rows.stop)
        if not inside.any():
            return
        rows = np.broadcast_to(values, block.shape(self.shape))[:, queries[inside] - block.rows.start]
        at = block.heads.start, block.rows.start
        if stage == "masked":
            self._masked[at] = np.asarray(np.isneginf(rows).all(axis=1))
        else:
            self._sums[at] = np.einsum("q,hqk->hk", self.rows.shares[inside], rows.astype(np.float64))

    @property
    def weights(self) -> Array:
        """The mean weights (head, key), in float64."""
        mean = np.zeros((self.shape[0], self.shape[2]))
        for (head, _), part in sorted(self._sums.items(), key=lambda item: item[0]):
            mean[head : head + len(part)] += part
        return mean

    @property
    def masked(self) -> Array | None:
        """True where a key is masked from all rows (head, key); None if the attention has no stage `masked`."""
        if not self._masked:
            return None
        every = np.ones((self.shape[0], self.shape[2]), dtype=bool)
        for (head, _), part in self._masked.items():
            every[head : head + len(part)] &= part
        return every
