"""Orders of heads other than by a metric: by name, or by how clear the evidence for the name is."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.heads import MIXED, Head

LESS = ("sink", "even", MIXED)
"""Kinds that say less of what a head does."""
_RANKS = {kind: rank for rank, kind in enumerate([*(kind for kind in KINDS if kind not in LESS), *LESS])}


def by_name(head: Head) -> tuple[float, ...]:
    """The kinds one after another, sinks and mixed heads last; in a kind the strongest first."""
    return (_RANKS[head.kind], -(head.evidence or 0))


def by_evidence(head: Head) -> tuple[float, ...]:
    """The strongest evidence first, sinks and mixed heads last."""
    return (LESS.index(head.kind) + 1 if head.kind in LESS else 0, -(head.evidence or 0))


ORDERS: Mapping[str, Callable[[Head], tuple[float, ...]]] = MappingProxyType({"name": by_name, "evidence": by_evidence})
"""Every order by the name that `--by` takes."""


def ordered(heads: Sequence[Head], name: str) -> tuple[Head, ...]:
    """The heads in one of the ORDERS; equal ones in the order of the model."""
    return tuple(sorted(heads, key=ORDERS[name]))
