"""Run the steps on scores, and multiply weights by V, block by block and in place."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from attn_cli.core.record import Record
from attn_cli.core.steps import Block, BlockStep, Shape, shared
from attn_cli.core.threads import each, threads_for
from attn_cli.trace.trace import Array

CELLS = (
    2**18
)  # cells in a block of whole heads, so that it stays in a core's cache; a band of rows has up to twice as many
BAND = 96, 256  # the fewest and the most rows in a band of a head's rows
THREADED = 2**16  # with fewer cells per thread, waking the thread costs more than it saves
LARGEST = 2**25 - 2**16  # the largest block, in bytes, that raises glibc's threshold, less glibc's own header


class _Link(NamedTuple):
    """One array of the chain: stored, or made by a step and written into a kept array."""

    stage: str
    stored: Array | None
    step: BlockStep | None
    target: Array | None


def score(record: Record, chain: Mapping[str, BlockStep | None], shape: Shape, dtype: str) -> Array | None:
    """Run the chain (stage → step, None if given) over scores (head, query, key); returns weights · V.

    Each block goes through all steps before the next block, so that only kept stages take memory. None if the head
    outputs are not needed.
    """
    hold_on()
    needs_output = "V" in record.known and "head_output" not in record.given and record.keeps("head_output", "output")
    v = record.known["V"] if needs_output else None
    made = {name: np.empty(shape, dtype) for name, step in chain.items() if step and record.keeps(name)}
    watch = record.watch
    needed = needs_output or record.keeps("sink_weight") or watch is not None
    links = _links(chain, record.given, made, needed=needed)
    head_output = None if v is None else np.empty((*shape[:2], v.shape[2]), dtype)

    if watch is not None:
        watch.start(shape)

    def work(block: Block) -> None:
        scores = scratch = np.empty(0)
        for link in links:
            if link.stored is not None:
                scores = block.of(link.stored)
            elif link.step is not None:
                if link.target is None and not scratch.size:
                    scratch = np.empty(block.shape(shape), dtype)
                scores = link.step(scores, block, scratch if link.target is None else block.of(link.target))
            if watch is not None:
                watch.see(link.stage, block, scores)
        if head_output is not None and v is not None:
            np.matmul(scores, shared(v, block, shape[0]), out=block.of(head_output))

    if links:
        threads = threads_for(math.prod(shape), THREADED)
        each(_interleaved(list(_blocks(shape, threads)), threads), work, threads)
    for before, (name, step) in zip(["", *chain], chain.items(), strict=False):
        if not record.take(name) and step and name in made:
            record.add(name, made[name], step.formula(before))
    return head_output


def _links(
    chain: Mapping[str, BlockStep | None], given: Mapping[str, Array], made: Mapping[str, Array], *, needed: bool
) -> list[_Link]:
    """The arrays that are needed, each with the kept array to write it into, None for scratch memory."""
    links: list[_Link] = []
    target = None
    for name in reversed(list(chain)):
        step = chain[name]
        target = made.get(name, target) if step else None
        needed = needed or name in made
        if needed:
            links.append(_Link(name, None if step else given[name], step, target))
        needed = needed and step is not None
    return links[::-1]


def _blocks(shape: Shape, threads: int) -> Iterator[Block]:
    """Blocks: all of a thread's heads if they are small, else whole heads, else bands of rows of one head."""
    heads, queries, keys = shape
    together = max(1, min(-(-heads // threads), CELLS // max(1, queries * keys)))
    rows = queries if queries * keys <= CELLS else min(BAND[1], max(BAND[0], 2 * CELLS // keys))
    for head in range(0, heads, together):
        for row in range(0, queries, max(1, rows)):
            yield Block(slice(head, min(head + together, heads)), slice(row, min(row + rows, queries)))


def _interleaved(blocks: Sequence[Block], threads: int) -> list[Block]:
    """The blocks interleaved, so that two threads never clear the same new page of memory."""
    stride = -(-len(blocks) // threads)
    return [block for first in range(stride) for block in blocks[first::stride]]


@cache
def hold_on() -> None:
    """Make the C library keep freed memory for the next array, so that the system does not clear new pages.

    Attention on 512 to 2048 tokens with all stages runs 1.3 times as fast.

    glibc returns a freed block to the system if it is larger than every block freed before (mallopt(3),
    M_MMAP_THRESHOLD). Allocating and freeing one large block raises that threshold. Other C libraries ignore it.
    """
    np.empty(LARGEST, np.uint8)
