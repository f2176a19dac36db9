"""From queries and keys, or from any stage after them, to weights and head outputs: block by block, in place."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from attn_cli.core.record import Record
from attn_cli.core.steps import Block, BlockStep, Shape, shared
from attn_cli.core.threads import each, threads_for
from attn_cli.trace.trace import Array

CELLS = 2**18  # the largest block of whole heads, so that it stays in a core's cache; bands of rows have twice as many
BAND = 96, 256  # the fewest and the most rows of a block that holds only some of a head's
THREADED = 2**16  # so many cells are worth waking a thread for
LARGEST = 2**25 - 2**16  # bytes in the largest block that glibc learns from, less what it adds to one


class _Link(NamedTuple):
    """One array of the chain: as it is stored, or the step that makes it and the kept array to write it into."""

    stored: Array | None
    step: BlockStep | None
    target: Array | None


def score(record: Record, chain: Mapping[str, BlockStep | None], shape: Shape, dtype: str) -> Array | None:
    """Run the chain (stage → step, None where it is given) over scores (head, query, key); returns what blends V.

    Every block of rows goes through all steps before the next one, so that only kept stages take memory.
    """
    hold_on()
    blends = "V" in record.known and "head_output" not in record.given and record.keeps("head_output", "output")
    v = record.known["V"] if blends else None
    made = {name: np.empty(shape, dtype) for name, step in chain.items() if step and record.keeps(name)}
    links = _links(chain, record.given, made, needed=blends or record.keeps("sink_weight"))
    blended = None if v is None else np.empty((*shape[:2], v.shape[2]), dtype)

    def work(block: Block) -> None:
        scores = scratch = np.empty(0)
        for link in links:
            if link.stored is not None:
                scores = block.of(link.stored)
            elif link.step is not None:
                if link.target is None and not scratch.size:
                    scratch = np.empty(block.shape(shape), dtype)
                scores = link.step(scores, block, scratch if link.target is None else block.of(link.target))
        if blended is not None and v is not None:
            np.matmul(scores, shared(v, block, shape[0]), out=block.of(blended))

    if links:
        threads = threads_for(math.prod(shape), THREADED)
        each(_apart(list(_blocks(shape, threads)), threads), work, threads)
    for before, (name, step) in zip(["", *chain], chain.items(), strict=False):
        if not record.take(name) and step and name in made:
            record.add(name, made[name], step.formula(before))
    return blended


def _links(
    chain: Mapping[str, BlockStep | None], given: Mapping[str, Array], made: Mapping[str, Array], *, needed: bool
) -> list[_Link]:
    """The arrays that have to be looked at, each with where it is written: into the next kept one, or nowhere."""
    links: list[_Link] = []
    target = None
    for name in reversed(list(chain)):
        step = chain[name]
        target = made.get(name, target) if step else None
        needed = needed or name in made
        if needed:
            links.append(_Link(None if step else given[name], step, target))
        needed = needed and step is not None
    return links[::-1]


def _blocks(shape: Shape, threads: int) -> Iterator[Block]:
    """All of a thread's heads at once where that is small, else whole heads, else bands of full rows of one head."""
    heads, queries, keys = shape
    together = max(1, min(-(-heads // threads), CELLS // max(1, queries * keys)))
    rows = queries if queries * keys <= CELLS else min(BAND[1], max(BAND[0], 2 * CELLS // keys))
    for head in range(0, heads, together):
        for row in range(0, queries, max(1, rows)):
            yield Block(slice(head, min(head + together, heads)), slice(row, min(row + rows, queries)))


def _apart(blocks: Sequence[Block], threads: int) -> list[Block]:
    """Blocks far from each other next to each other: two threads that first touch one page of memory both clear it."""
    apart = -(-len(blocks) // threads)
    return [block for first in range(apart) for block in blocks[first::apart]]


@cache
def hold_on() -> None:
    """Let the C library keep freed memory for the next array, which the system would otherwise clear anew.

    Attention with all stages of 512 to 2048 tokens is 1.3 times as fast with it.

    glibc gives a freed block back to the system if it is larger than any that was freed before, and also what is free
    beyond twice that size: mallopt(3), M_MMAP_THRESHOLD. So it is shown a large one. Other libraries take no notice.
    """
    np.empty(LARGEST, np.uint8)
