"""Heads without a partner in the other run, and an average over heads in place of one."""

from collections.abc import Iterator

import numpy as np

from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Layer

ROUNDING = 0.01
"""How far rounded weights may be from the average that they are."""


def unpaired_heads(a: Layer, b: Layer) -> Iterator[str]:
    """Words for the heads that only one of two layers holds."""
    for run, held, others in (("A", a.head_index, b.head_index), ("B", b.head_index, a.head_index)):
        alone = [head for head in held if head not in others]
        if alone and len(alone) < len(held):
            numbers = ", ".join(map(str, alone[:8])) + (f" and {len(alone) - 8} more" if len(alone) > 8 else "")
            yield f"{a.name}: head{'s' * (len(alone) > 1)} {numbers} {'are' if len(alone) > 1 else 'is'} in {run} alone"


def refuse_average(a: Layer, b: Layer) -> None:
    """Raise SelectionError where the one head of a layer is the average of the other layer's heads."""
    for run, averaged, other, heads in (("A", a, "B", b), ("B", b, "A", a)):
        single = averaged.heads == 1 and "weights" in averaged and "weights" in heads
        if not single or len(heads.head_index) < 2:
            continue
        weights, by_head = averaged["weights"], heads["weights"]
        if weights.shape[1:] == by_head.shape[1:] and np.abs(by_head.mean(axis=0) - weights[0]).max() <= ROUNDING:
            raise SelectionError(
                f"{a.name}: the weights of {run} are the average over the {len(by_head)} heads of {other}",
                hint=f"compare runs that keep their heads, or choose a head of {other}",
            )
