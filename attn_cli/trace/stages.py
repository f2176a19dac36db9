"""The catalogue of stages: the name, axes and plain meaning of every array on the way to the output."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Axis = Literal["query", "key", "feature"]
Heads = Literal["query heads", "key heads"] | None


@dataclass(frozen=True)
class Kind:
    """What a stage is: which heads it has one matrix for, what its rows and columns are, what it means."""

    heads: Heads
    rows: Axis
    columns: Axis | None
    meaning: str


_SCORES = "Rows look at columns"

STAGES = MappingProxyType(
    {
        "embedded": Kind(None, "query", "feature", "The embeddings alone, before positions are added."),
        "residual": Kind(None, "query", "feature", "The model's running stream before the layer's norm."),
        "X": Kind(None, "query", "feature", "One vector per token: what comes into the layer."),
        "X_context": Kind(None, "key", "feature", "One vector per token of the context that is looked at."),
        "Q": Kind("query heads", "query", "feature", "Query: what I'm looking for."),
        "K": Kind("key heads", "key", "feature", "Key: what you offer."),
        "V": Kind("key heads", "key", "feature", "Value: what you say, the actual information."),
        "Q_normed": Kind("query heads", "query", "feature", "Queries after the model's query norm."),
        "K_normed": Kind("key heads", "key", "feature", "Keys after the model's key norm."),
        "Q_rotated": Kind("query heads", "query", "feature", "Queries turned by an angle that grows with position."),
        "K_rotated": Kind("key heads", "key", "feature", "Keys turned by an angle that grows with position."),
        "scores": Kind("query heads", "query", "key", f"{_SCORES}: how well each query matches each key."),
        "scaled": Kind("query heads", "query", "key", f"{_SCORES}: the scores, kept small so that softmax stays soft."),
        "softcapped": Kind("query heads", "query", "key", f"{_SCORES}: the scores, squeezed into ± cap."),
        "biased": Kind("query heads", "query", "key", f"{_SCORES}: the scores, with what position or a mask adds."),
        "content": Kind("query heads", "query", "key", f"{_SCORES}: the part of the score that words alone make."),
        "position": Kind("query heads", "query", "key", f"{_SCORES}: the part that where they stand makes."),
        "capping": Kind("query heads", "query", "key", f"{_SCORES}: the part that the softcap takes."),
        "bias": Kind("query heads", "query", "key", f"{_SCORES}: the part that a mask's numbers add."),
        "masked": Kind("query heads", "query", "key", f"{_SCORES}: the scores, with −∞ where looking is not allowed."),
        "weights": Kind("query heads", "query", "key", f"{_SCORES}: the share of attention; each row sums to 1."),
        "sink_weight": Kind("query heads", "query", None, "The share of attention that the sink took."),
        "head_output": Kind("query heads", "query", "feature", "Each token's blend of the values it attends to."),
        "output": Kind(None, "query", "feature", "The new, context-aware vector of each token."),
    }
)
"""Every stage of an attention layer, in the order in which a plain layer makes them."""

PARTS = ("content", "position", "capping", "bias")
"""Stages that split a score by cause; made only when they are asked for, as `parts` or by name."""
