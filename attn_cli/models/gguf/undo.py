"""Undo the changes of llama.cpp's converter to tensors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_cli.models.network.plan import LayerPlan
from attn_cli.trace.trace import Array

Undo = Callable[[Array], Array]
"""From a tensor in llama.cpp's form to the original tensor."""


@dataclass(frozen=True, eq=False)
class Join:
    """A module that llama.cpp stores in pieces: our names, llama.cpp's names of the pieces, and how to join them."""

    names: tuple[str, ...]
    pieces: tuple[str, ...]
    joined: Callable[..., Array]


def as_it_is(name: str, plan: LayerPlan) -> Undo | None:
    """No change to undo."""
    return None


def unpermuted(name: str, plan: LayerPlan) -> Undo | None:
    """The rows of each head alternate between its halves; put the first half before the second again."""
    heads = {"q": plan.heads, "k": plan.kv_heads}.get(name)
    if heads is None:
        return None

    return lambda array: array.reshape(heads, -1, 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def around_zero(name: str, plan: LayerPlan) -> Undo | None:
    """The norms' weights have 1 added, which the family adds itself; subtract it."""
    return less_one if name.endswith("norm") or name.startswith(("before_", "after_")) else None


def less_one(array: Array) -> Array:
    """The numbers minus 1."""
    return array - np.float32(1)


def grouped(name: str, plan: LayerPlan) -> Undo | None:
    """Queries, keys and values are stacked; interleave them again, one group per key head."""

    def undo(array: Array) -> Array:
        groups, per = plan.kv_heads, plan.heads // plan.kv_heads
        blocks = array.reshape(plan.heads + 2 * groups, -1, *array.shape[1:])
        q, k, v = np.split(blocks, [plan.heads, plan.heads + groups])
        q = q.reshape(groups, per, *q.shape[1:])
        return np.concatenate([q, k[:, np.newaxis], v[:, np.newaxis]], axis=1).reshape(array.shape)

    return undo if name in ("q", "k", "v") else None


def switch_row(name: str, plan: LayerPlan) -> Undo | None:
    """A matrix of one row is stored as a vector; make it a matrix again."""
    return (lambda array: array.reshape(1, -1)) if name == "shared_switch" else None


def alternating(gate: Array, up: Array) -> Array:
    """Interleave gates and ups along the last axis."""
    return np.stack([gate, up], axis=-1).reshape(*gate.shape[:-1], -1)


def head_by_head(k: Array, v: Array) -> Array:
    """The rows of each head: its keys (stored in × out), then its values (stored out × in)."""
    return np.concatenate([k.swapaxes(1, 2), v], axis=1).reshape(-1, v.shape[-1])
