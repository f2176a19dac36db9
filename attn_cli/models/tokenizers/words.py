"""Merge sub-words into words: keys summed, queries averaged, so that rows still sum to 1 (Clark et al. 2019)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from attn_cli.models.tokenizers.spelling import text_of_pieces
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.trace.trace import Layer, frozen


def starts(text: Encoded) -> list[int]:
    """The index of each word's first token; a token outside words counts as a word."""
    keyed = [(index if word is None else -1, word) for index, word in enumerate(text.words)]
    beginnings, start = [], 0
    for _, group in groupby(keyed):
        beginnings.append(start)
        start += len(list(group))
    return beginnings


def words_of(text: Encoded, places: Sequence[int], style: str | None) -> tuple[str, ...]:
    """The words that begin at these tokens, without surrounding spaces; without `style` in the model's spelling."""
    ends = [*places[1:], len(text.raw)][: len(places)]  # empty if there are no words
    return tuple(_word(text, start, end, style) for start, end in zip(places, ends, strict=True))


def _word(text: Encoded, start: int, end: int, style: str | None) -> str:
    """Some tokens as one word; bytes are joined before decoding."""
    spelled = text.tokens if style is not None else text.raw
    if end - start == 1:
        return spelled[start].strip() or spelled[start]
    word = "".join(text.raw[start:end]) if style is None else text_of_pieces(text.raw[start:end], style)
    return word.strip() or spelled[start]


def by_word(
    layer: Layer, rows: Sequence[int], columns: Sequence[int], words: tuple[tuple[str, ...], tuple[str, ...]]
) -> Layer:
    """The layer with its weights (head, query, key) merged into words that begin at these rows and columns.

    `words` are the words of the queries and of the keys. Other stages are dropped.
    """
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
        query_tokens=words[0],
        key_tokens=words[1],
    )
