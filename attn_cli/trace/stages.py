"""The catalogue of stages: the name, axes and plain meaning of every array on the way to the output."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

Axis = Literal["query", "key", "feature"]
Heads = Literal["query heads", "key heads"] | None


@dataclass(frozen=True)
class StageKind:
    """What a stage is: which heads it has one matrix for, what its rows and columns are, what it means."""

    heads: Heads
    rows: Axis
    columns: Axis | None
    meaning: str


_SCORES = "Rows look at columns"

STAGES = MappingProxyType(
    {
        "embedded": StageKind(None, "query", "feature", "The embeddings alone, before positions are added."),
        "residual": StageKind(None, "query", "feature", "The model's running stream before the layer's norm."),
        "X": StageKind(None, "query", "feature", "One vector per token: what comes into the layer."),
        "X_context": StageKind(None, "key", "feature", "One vector per token of the context that is looked at."),
        "Q": StageKind("query heads", "query", "feature", "Query: what I'm looking for."),
        "K": StageKind("key heads", "key", "feature", "Key: what you offer."),
        "V": StageKind("key heads", "key", "feature", "Value: what you say, the actual information."),
        "Q_normed": StageKind("query heads", "query", "feature", "Queries after the model's query norm."),
        "K_normed": StageKind("key heads", "key", "feature", "Keys after the model's key norm."),
        "Q_rotated": StageKind(
            "query heads", "query", "feature", "Queries turned by an angle that grows with position."
        ),
        "K_rotated": StageKind("key heads", "key", "feature", "Keys turned by an angle that grows with position."),
        "scores": StageKind("query heads", "query", "key", f"{_SCORES}: how well each query matches each key."),
        "scaled": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores, kept small so that softmax stays soft."
        ),
        "softcapped": StageKind("query heads", "query", "key", f"{_SCORES}: the scores, squeezed into ± cap."),
        "biased": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores, with what position or a mask adds."
        ),
        "content": StageKind("query heads", "query", "key", f"{_SCORES}: the part of the score that words alone make."),
        "position": StageKind("query heads", "query", "key", f"{_SCORES}: the part that where they stand makes."),
        "capping": StageKind("query heads", "query", "key", f"{_SCORES}: the part that the softcap takes."),
        "bias": StageKind("query heads", "query", "key", f"{_SCORES}: the part that a mask's numbers add."),
        "masked": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores, with −∞ where looking is not allowed."
        ),
        "weights": StageKind("query heads", "query", "key", f"{_SCORES}: the share of attention; each row sums to 1."),
        "sink_weight": StageKind("query heads", "query", None, "The share of attention that the sink took."),
        "head_output": StageKind("query heads", "query", "feature", "Each token's blend of the values it attends to."),
        "output": StageKind(None, "query", "feature", "The new, context-aware vector of each token."),
    }
)
"""Every stage of an attention layer, in the order in which a plain layer makes them."""

PARTS = ("content", "position", "capping", "bias")
"""Stages that split a score by cause; made only when they are asked for, as `parts` or by name."""

_MATCHED = tuple(f"{name}{form}" for name in "QK" for form in ("", "_normed", "_rotated"))
_UNMASKED = ("scores", "scaled", "softcapped", "biased")

READS = MappingProxyType(
    {
        "embedded": (),
        "residual": (),
        "X": ("embedded", "residual"),
        "X_context": (),
        "Q": ("X",),
        "K": ("X", "X_context"),
        "V": ("X", "X_context"),
        "Q_normed": ("Q", "Q_rotated"),
        "K_normed": ("K", "K_rotated"),
        "Q_rotated": ("Q", "Q_normed"),
        "K_rotated": ("K", "K_normed"),
        "scores": _MATCHED,
        "scaled": ("scores",),
        "softcapped": ("scores", "scaled"),
        "biased": ("scores", "scaled", "softcapped"),
        "content": (*_MATCHED, *_UNMASKED),
        "position": _UNMASKED,
        "capping": _UNMASKED,
        "bias": _UNMASKED,
        "masked": _UNMASKED,
        "weights": (*_UNMASKED, "masked"),
        "sink_weight": (*_UNMASKED, "masked"),
        "head_output": ("weights", "V"),
        "output": ("head_output",),
    }
)
"""The stages that each stage may be made of; every order of stages in the program comes from here."""


@lru_cache
def arranged(made: tuple[str, ...]) -> tuple[str, ...]:
    """All stages, those of `made` in the order in which they were made, the others where the catalogue has them."""
    named = [name for name in dict.fromkeys(made) if name in STAGES]
    left = iter(named)
    return tuple(next(left) if name in named else name for name in STAGES)


def followers(*stages: str, order: Sequence[str] = tuple(STAGES)) -> frozenset[str]:
    """The stages that are made of these, directly or not, where the arithmetic makes all stages in this order."""
    changed: set[str] = set()
    made: list[str] = []
    for name in order:
        if not changed.isdisjoint(READS[name]):
            made.append(name)
            changed.add(name)
        elif name in stages:
            changed.add(name)
    return frozenset(made)


def between(first: str, last: str) -> tuple[str, ...]:
    """The stages on the way from one stage to another, both included."""
    sources = {last}
    for name in reversed(STAGES):
        if name in sources:
            sources.update(READS[name])
    after = followers(first) & sources
    return (first, *(name for name in STAGES if name in after))


CHAIN = between("scores", "weights")
"""The stages that scores go through."""
FORMS = MappingProxyType(
    {
        name: between(name, reader)[:-1]
        for name, reader in (("Q", "scores"), ("K", "scores"), ("V", "head_output"), ("head_output", "output"))
    }
)
"""The forms that queries, keys, values and head outputs go through; the last one that a layer has is used."""


def last_form(name: str, there: Collection[str]) -> str | None:
    """The form of Q, K, V or head_output that is used, of stages in the order in which they were made."""
    return next((stage for stage in reversed(list(there)) if stage in FORMS[name]), None)
