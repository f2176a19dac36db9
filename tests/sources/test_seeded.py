"""Numbers drawn from a seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.errors import SpecError
from attn_cli.sources.seeded import embeddings, projection

seeds = st.integers(-(2**70), 2**70)
tokens = st.lists(st.text(st.characters(exclude_categories=()), max_size=5), max_size=7)


def test_the_numbers_are_those_of_every_other_machine() -> None:
    np.testing.assert_array_equal(
        embeddings(0, ["Transformers", "é"], 4), [[1.3, -1.3, 0.2, -0.7], [1.2, 0.4, -0.8, 1.6]]
    )
    np.testing.assert_array_equal(embeddings(-7, ["\ud800"], 3), [[0.1, 0.8, -0.7]])
    np.testing.assert_array_equal(projection(0, "W_Q", 4, 2), [[0.1, 0.7], [0.3, -0.4], [0.7, -0.4], [0.5, -0.6]])
    np.testing.assert_array_equal(projection(0, "W_Q", 512, 2)[:2], [[0.02, 0.03], [-0.07, 0.06]])


def test_fine_numbers_are_those_of_every_other_machine() -> None:
    words = [[0.3136, -1.6512, 0.6647, 0.9936], [0.176, -0.863, -0.3431, -1.0125]]
    np.testing.assert_array_equal(embeddings(0, ["Transformers", "é"], 4, "fine"), words)
    np.testing.assert_array_equal(embeddings(-7, ["\ud800"], 3, "fine"), [[-1.1855, 0.8497, -1.0542]])
    matrix = [[0.7718, 0.6194], [-0.803, 0.0925], [0.5722, -0.4513], [0.8613, -0.3764]]
    np.testing.assert_array_equal(projection(0, "W_Q", 4, 2, "fine"), matrix)


@given(seeds, tokens, tokens, st.text(max_size=5))
def test_a_token_has_the_same_vector_wherever_it_stands(
    seed: int, before: list[str], after: list[str], token: str
) -> None:
    found = embeddings(seed, [*before, token, *after], 5)[len(before)]
    np.testing.assert_array_equal(found, embeddings(seed, [token], 5)[0])


@given(seeds, tokens, st.integers(1, 11))
def test_a_wider_embedding_begins_with_the_narrower_one(seed: int, words: list[str], width: int) -> None:
    wide = embeddings(seed, words, 13)
    assert wide.shape == (len(words), 13)
    np.testing.assert_array_equal(embeddings(seed, words, width), wide[:, :width])


@given(seeds, st.integers(1, 75), st.integers(1, 7), st.sampled_from([("coarse", 1), ("fine", 4)]))
def test_every_number_has_one_decimal_or_four(seed: int, rows: int, columns: int, random: tuple[str, int]) -> None:
    how, digits = random
    for drawn in (projection(seed, "W_Q", rows, columns, how), embeddings(seed, ["a"], columns, how)):
        assert all(float(f"{number:.{digits}f}") == number for number in drawn.flat)


def test_seeds_tokens_and_kinds_draw_different_numbers() -> None:
    draws = [embeddings(seed, [token], 5) for seed in (0, 1, -1, 10) for token in ("", "a", "0", "W_Q", "a\0", "\0a")]
    draws += [projection(seed, name, 1, 5) for seed in (0, 1, -1, 10) for name in ("W_Q", "W_K")]
    assert len({draw.tobytes() for draw in draws}) == len(draws)


def test_embeddings_have_variance_1_and_stay_in_range() -> None:
    drawn = embeddings(3, ["cat"], 100_003)
    assert np.abs(drawn).max() <= 1.7
    assert drawn.var() == pytest.approx(1, abs=0.03)
    assert drawn.mean() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("rows", [1, 4, 7, 75, 76, 512, 4099])
def test_projections_have_variance_1_over_rows(rows: int) -> None:
    drawn = projection(3, "W_Q", rows, -(-100_003 // rows), "fine")
    assert drawn.var() * rows == pytest.approx(1, abs=0.03)
    coarse = projection(3, "W_Q", rows, -(-100_003 // rows))
    assert 0.75 < coarse.var() * rows < 1.55
    assert len(np.unique(coarse)) >= 5


def test_a_query_times_a_key_over_the_root_of_the_width_has_variance_about_1() -> None:
    x = embeddings(3, [str(number) for number in range(499)], 61)
    q, k = (x @ projection(3, name, 61, 61, "fine") for name in ("W_Q", "W_K"))
    off_diagonal = (q @ k.T / np.sqrt(61))[~np.eye(499, dtype=bool)]
    assert off_diagonal.var() == pytest.approx(1, abs=0.2)


def test_what_is_drawn_cannot_be_changed() -> None:
    assert not embeddings(0, ["a", "a"], 3).flags.writeable
    assert not projection(0, "W_Q", 3, 3).flags.writeable


def test_more_than_one_digest_holds_is_refused() -> None:
    with pytest.raises(SpecError, match="W_Q"):
        projection(0, "W_Q", 65536, 65536)
