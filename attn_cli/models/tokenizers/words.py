"""Sub-words merged into words: keys summed, queries averaged, so that rows still sum to 1 (Clark et al. 2019)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.trace.trace import Layer, frozen


def starts(text: Encoded) -> list[int]:
    """Where each word begins; a token outside of words is one of its own."""
    keyed = [(place if word is None else -1, word) for place, word in enumerate(text.words)]
    places, start = [], 0
    for _, group in groupby(keyed):
        places.append(start)
        start += len(list(group))
    return places


def joined(tokens: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    """The words that tokens make, without the spaces around them."""
    ends = [*places[1:], len(tokens)][: len(places)]  # no words have no ends
    return tuple("".join(tokens[start:end]).strip() or tokens[start] for start, end in zip(places, ends, strict=True))


def by_word(layer: Layer, rows: Sequence[int], columns: Sequence[int]) -> Layer:
    """The layer's weights (head, query, key) by words that begin at these rows and columns; no other stage is kept."""
    formula = "weights by word: keys summed, queries averaged"
    stages = []
    for stage in layer.stages:
        if stage.name == "weights":
            summed = np.add.reduceat(stage.array, columns, axis=2)
            counts = np.diff([*rows, stage.array.shape[1]])
            averaged = np.add.reduceat(summed, rows, axis=1) / counts[:, np.newaxis].astype(summed.dtype)
            stages.append(replace(stage, array=frozen(averaged), formula=formula))
    return replace(
        layer,
        stages=tuple(stages),
        query_tokens=joined(layer.query_tokens, rows),
        key_tokens=joined(layer.key_tokens, columns),
    )
