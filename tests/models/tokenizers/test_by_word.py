"""Weights by word: keys summed, queries averaged, so that rows still sum to 1."""

import numpy as np
import pytest

from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.tokenizers.words import by_word, words_of
from attn_cli.trace.trace import Layer, Settings, Stage

WEIGHTS = np.array([[[0.5, 0.25, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.0, 0.5], [0.3, 0.3, 0.3, 0.1]]])
TOKENS = ("the", " un", "hap", "py")
TEXT = Encoded((0,) * 4, ("the", "Ġun", "hap", "py"), TOKENS, (False,) * 4, (0, 1, 1, 1), (0,) * 4)


def layer() -> Layer:
    return Layer((Stage("weights", WEIGHTS),), TOKENS, TOKENS, 1, 1, (0,), (0,), Settings())


def test_a_word_of_three_pieces_by_hand() -> None:
    words = by_word(layer(), [0, 1], [0, 1], (words_of(TEXT, [0, 1], "bytes"),) * 2)
    # The first row gives 0.5 to the three pieces; the three rows of the word give 0.1, 0 and 0.3 to "the": mean 2/15.
    np.testing.assert_allclose(words["weights"], [[[0.5, 0.5], [0.4 / 3, 1 - 0.4 / 3]]])
    assert words.query_tokens == words.key_tokens == ("the", "unhappy")


@pytest.mark.parametrize("starts", [[0], [0, 1], [0, 2], [0, 1, 3], [0, 1, 2, 3]])
def test_rows_sum_to_1_whatever_the_words(starts: list[int]) -> None:
    np.testing.assert_allclose(
        by_word(layer(), starts, [0, 2], (("a",) * len(starts), ("b", "c")))["weights"].sum(axis=2), 1
    )


def test_queries_and_keys_may_be_other_words() -> None:
    words = by_word(layer(), [0, 2], [0, 1, 2, 3], (("the un", "happy"), TOKENS))
    np.testing.assert_allclose(words["weights"], [[WEIGHTS[0, :2].mean(axis=0), WEIGHTS[0, 2:].mean(axis=0)]])
    assert words_of(TEXT, [0, 2], "bytes") == ("the un", "happy")
