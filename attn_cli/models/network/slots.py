"""Lists of known slots of a LayerPlan: code that reads a plan refuses unknown slots."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from types import MappingProxyType

from attn_cli.models.network.plan import LayerPlan

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "clip": "bounds on Q, K and V",
        "disentangled": "disentangled attention",
        "edits": "edited stages",
        "projecting": "keys and values from a compressed vector",
        "qk_norm": "a norm of queries and keys",
    }
)
"""Slots in words, for errors; other slots appear by name."""

BEFORE_HEADS = frozenset(
    (
        *("heads", "kv_heads", "d_k", "d_v", "norm", "norms", "mlp", "parallel", "cross", "projecting", "clip"),
        *("rotary", "query_scaling", "qk_norm", "mask", "scale", "softcap", "temperature", "slopes", "alibi"),
        *("relative", "disentangled", "sinks", "edits", "cross_edits"),
    )
)
"""The slots that act before the head outputs, or outside attention."""


def unknown_slot(plan: LayerPlan, known: Collection[str]) -> str | None:
    """The first slot, in words, that is set and not in `known`; None if there is none."""
    for field in fields(plan):
        if field.name not in known and getattr(plan, field.name) != field.default:
            return WORDS.get(field.name, field.name.replace("_", " "))
    return None
