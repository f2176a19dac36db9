"""The catalogue of stages: the name, axes and plain meaning of every array on the way to the output."""

from dataclasses import dataclass
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
