"""The catalog of stages: the name, the axes and the meaning of every array from embeddings to output."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

Axis = Literal["query", "key", "feature"]
Heads = Literal["query heads", "key heads"] | None


class StageKind(NamedTuple):
    """A kind of stage: `heads` says which heads have one matrix each; None if there is one matrix for all.

    `rows` and `columns` name the axes of a matrix; `columns` is None for one number per row.
    """

    heads: Heads
    rows: Axis
    columns: Axis | None
    meaning: str


_SCORES = "Rows look at columns"

STAGES = MappingProxyType(
    {
        "embedded": StageKind(None, "query", "feature", "The token embeddings, before positions are added."),
        "residual": StageKind(None, "query", "feature", "The residual stream before the layer's norm."),
        "X": StageKind(None, "query", "feature", "The layer's input: one vector per token."),
        "X_context": StageKind(
            None, "key", "feature", "The context: one vector per token, from which keys and values are made."
        ),
        "Q": StageKind("query heads", "query", "feature", "Query: what I'm looking for."),
        "K": StageKind("key heads", "key", "feature", "Key: what you offer."),
        "V": StageKind("key heads", "key", "feature", "Value: what you say, the actual information."),
        "Q_normed": StageKind("query heads", "query", "feature", "Queries after the query norm (QK-norm)."),
        "K_normed": StageKind("key heads", "key", "feature", "Keys after the key norm (QK-norm)."),
        "Q_rotated": StageKind(
            "query heads",
            "query",
            "feature",
            "Queries with rotary positions (RoPE): rotated by an angle that grows with position.",
        ),
        "K_rotated": StageKind(
            "key heads",
            "key",
            "feature",
            "Keys with rotary positions (RoPE): rotated by an angle that grows with position.",
        ),
        "scores": StageKind("query heads", "query", "key", f"{_SCORES}: how well each query matches each key."),
        "scaled": StageKind(
            "query heads",
            "query",
            "key",
            f"{_SCORES}: the scores, scaled so that softmax does not saturate.",
        ),
        "softcapped": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores after the softcap, between −cap and +cap."
        ),
        "biased": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores plus the biases of positions or of a mask."
        ),
        "content": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the part of the score due to the tokens' content."
        ),
        "position": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the part of the score due to token positions."
        ),
        "capping": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the part of the score that the softcap takes away."
        ),
        "bias": StageKind("query heads", "query", "key", f"{_SCORES}: the part of the score that a bias adds."),
        "masked": StageKind(
            "query heads", "query", "key", f"{_SCORES}: the scores, with −∞ where the mask hides the key."
        ),
        "weights": StageKind(
            "query heads", "query", "key", f"{_SCORES}: each key's share of attention; each row sums to 1."
        ),
        "sink_weight": StageKind("query heads", "query", None, "The share of attention that goes to the sink."),
        "head_output": StageKind(
            "query heads", "query", "feature", "The average of the values, weighted by attention."
        ),
        "output": StageKind(None, "query", "feature", "The layer's output: one context-aware vector per token."),
    }
)
"""Every stage of an attention layer, in the order in which a plain layer makes them."""

PARTS = ("content", "position", "capping", "bias")
"""The stages that split a score into parts; computed only on request, by name or as `parts`."""

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
"""The stages that each stage may be computed from; every order of stages in the program derives from this."""


STAGES_ALSO = MappingProxyType(
    {
        **dict.fromkeys(("attention", "attn", "pattern", "probs", "probabilities", "softmax"), "weights"),
        **dict.fromkeys(("logits", "qk", "attention_scores", "attn_scores"), "scores"),
        **dict.fromkeys(("queries", "query"), "Q"),
        **dict.fromkeys(("keys", "key"), "K"),
        **dict.fromkeys(("values", "value"), "V"),
        **dict.fromkeys(("embeddings", "embedding", "input"), "X"),
        **dict.fromkeys(("z", "heads", "context_layer"), "head_output"),
    }
)
"""Other names for stages; an error suggests ours."""


@lru_cache
def arranged(made: tuple[str, ...]) -> tuple[str, ...]:
    """All stages: those in `made` in that order, the others at their position in the catalog."""
    named = [name for name in dict.fromkeys(made) if name in STAGES]
    remaining = iter(named)
    return tuple(next(remaining) if name in named else name for name in STAGES)


def followers(*stages: str, order: Sequence[str] = tuple(STAGES)) -> frozenset[str]:
    """The stages computed from these, directly or indirectly, if all stages are computed in `order`."""
    changed: set[str] = set()
    dependent: list[str] = []
    for name in order:
        if not changed.isdisjoint(READS[name]):
            dependent.append(name)
            changed.add(name)
        elif name in stages:
            changed.add(name)
    return frozenset(dependent)


def between(first: str, last: str) -> tuple[str, ...]:
    """The stages between two stages, both included."""
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
"""The forms of queries, keys, values and head outputs; attention uses the last form that a layer has."""


def last_form(name: str, stages: Collection[str]) -> str | None:
    """The last form of Q, K, V or head_output among stages in their order; None if there is none."""
    return next((stage for stage in reversed(list(stages)) if stage in FORMS[name]), None)
