"""Undo what llama.cpp's converter changes in tensors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_cli.models.network.plan import LayerPlan
from attn_cli.trace.trace import Array

Undo = Callable[[Array], Array]
"""From a tensor as llama.cpp keeps it to the tensor that it was converted from."""


@dataclass(frozen=True, eq=False)
class Join:
    """A module that llama.cpp keeps in pieces: our names of it, theirs of the pieces, and what makes one of them."""

    names: tuple[str, ...]
    pieces: tuple[str, ...]
    joined: Callable[..., Array]


def as_it_is(name: str, plan: LayerPlan) -> Undo | None:
    return None


def unpermuted(name: str, plan: LayerPlan) -> Undo | None:
    """Rows of each head that alternate between the two halves, set one half after the other again."""
    heads = {"q": plan.heads, "k": plan.kv_heads}.get(name)
    if heads is None:
        return None

    return lambda array: array.reshape(heads, -1, 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def around_zero(name: str, plan: LayerPlan) -> Undo | None:
    """Norms with 1 added, which the family adds itself."""
    return less_one if name.endswith("norm") or name.startswith(("before_", "after_")) else None


def less_one(array: Array) -> Array:
    return array - np.float32(1)


def grouped(name: str, plan: LayerPlan) -> Undo | None:
    """Queries, keys and values that stand one after another, set group by group again: as many groups as key heads."""

    def undo(array: Array) -> Array:
        groups, per = plan.kv_heads, plan.heads // plan.kv_heads
        blocks = array.reshape(plan.heads + 2 * groups, -1, *array.shape[1:])
        q, k, v = np.split(blocks, [plan.heads, plan.heads + groups])
        q = q.reshape(groups, per, *q.shape[1:])
        return np.concatenate([q, k[:, np.newaxis], v[:, np.newaxis]], axis=1).reshape(array.shape)

    return undo if name in ("q", "k", "v") else None


def switch_row(name: str, plan: LayerPlan) -> Undo | None:
    """A matrix of one row, which is kept as a vector."""
    return (lambda array: array.reshape(1, -1)) if name == "shared_switch" else None


def alternating(gate: Array, up: Array) -> Array:
    """Gates and ups that alternate along the last axis."""
    return np.stack([gate, up], axis=-1).reshape(*gate.shape[:-1], -1)


def head_by_head(k: Array, v: Array) -> Array:
    """Each head's keys (in × out) and then its values (out × in), as rows."""
    return np.concatenate([k.swapaxes(1, 2), v], axis=1).reshape(-1, v.shape[-1])
