"""The same word has the same vector, wherever it stands and whatever stands around it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attn_cli import explain

sentences = st.lists(st.sampled_from(["the", "cat", "Cat", "sat", "on", "mat"]), min_size=1, max_size=7)


@given(sentences, sentences, st.integers(-5, 2**40))
def test_the_same_word_has_the_same_vector_in_any_sentence(first: list[str], second: list[str], seed: int) -> None:
    vectors: dict[str, bytes] = {}
    for words in (first, second):
        layer = explain(" ".join(words), seed=seed, dim=7)["layers.0"]
        for word, vector in zip(words, layer["X"], strict=True):
            assert vectors.setdefault(word, vector.tobytes()) == vector.tobytes()
    assert len(set(vectors.values())) == len(vectors)


@given(sentences, st.sampled_from(["sinusoidal", "none", "rope", "alibi"]))
def test_the_same_word_asks_the_same_question_unless_its_place_is_added(words: list[str], positions: str) -> None:
    layer = explain(" ".join([*words, *words]), positions=positions)["layers.0"]
    same = np.array_equal(layer["Q"][0, : len(words)], layer["Q"][0, len(words) :])
    assert same == (positions != "sinusoidal")
