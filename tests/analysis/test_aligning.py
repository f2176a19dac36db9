"""Which tokens stand for each other."""

import pytest

from attn_cli.analysis.aligning import aligned_positions


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        ("a b c", "a b c", [(0, 0), (1, 1), (2, 2)]),
        ("a b c", "a x c", [(0, 0), (1, 1), (2, 2)]),
        ("a b c", "a x y c", [(0, 0), (2, 3)]),
        ("a c", "a b c", [(0, 0), (1, 2)]),
        ("a b", "x y z", []),
        ("a b", "x y", [(0, 0), (1, 1)]),
        ("a a a", "a a", [(0, 0), (1, 1)]),
        ("", "a", []),
    ],
)
def test_equal_tokens_and_runs_of_as_many_others_pair_up(a: str, b: str, pairs: list[tuple[int, int]]) -> None:
    assert aligned_positions(a.split(), b.split()) == pairs


def test_the_same_pairs_are_found_from_the_other_side() -> None:
    a, b = "the cat sat on the mat".split(), "a cat lay on the red mat".split()
    assert aligned_positions(b, a) == [(j, i) for i, j in aligned_positions(a, b)]


def test_a_long_text_of_few_words_is_aligned_whole() -> None:
    words = ["the", "cat"] * 300
    assert aligned_positions(words, words) == [(i, i) for i in range(600)]
