"""Softmax on paper, and cutting into heads."""

import numpy as np

from attn_cli.core.ops import join_heads, softmax, split_heads


def test_softmax_of_three_scores_on_paper() -> None:
    weights, sunk = softmax(np.array([0.4, 0.1, 0.35]))
    np.testing.assert_allclose(weights, [0.371, 0.275, 0.353], atol=5e-4)
    assert sunk == 0


def test_a_score_that_is_higher_by_ln_2_weighs_twice_as_much() -> None:
    weights, _ = softmax(np.array([[0.0, np.log(2)], [np.log(2), 0.0]]))
    np.testing.assert_allclose(weights, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]], rtol=1e-15)


def test_a_hidden_key_weighs_exactly_nothing() -> None:
    weights, _ = softmax(np.array([1.0, -np.inf, 1.0]))
    np.testing.assert_array_equal(weights, [0.5, 0, 0.5])


def test_a_row_that_sees_nothing_weighs_nothing() -> None:
    weights, sunk = softmax(np.full((2, 3), -np.inf))
    np.testing.assert_array_equal(weights, np.zeros((2, 3)))
    np.testing.assert_array_equal(sunk, [0, 0])


def test_huge_scores_do_not_overflow() -> None:
    weights, _ = softmax(np.array([[1e300, 1e300, -1e300], [-1e300, -1e300, -np.inf]]))
    np.testing.assert_array_equal(weights, [[0.5, 0.5, 0], [0.5, 0.5, 0]])


def test_a_sink_takes_its_share_like_one_more_key() -> None:
    weights, sunk = softmax(np.zeros((1, 2, 3)), sinks=np.log([[[5.0]]]))
    np.testing.assert_allclose(weights, np.full((1, 2, 3), 1 / 8), rtol=1e-15)
    np.testing.assert_allclose(sunk, [[5 / 8, 5 / 8]], rtol=1e-15)


def test_a_sink_takes_all_of_a_row_that_sees_nothing() -> None:
    weights, sunk = softmax(np.full((1, 1, 3), -np.inf), sinks=np.array([[[-700.0]]]))
    np.testing.assert_array_equal(weights, np.zeros((1, 1, 3)))
    np.testing.assert_array_equal(sunk, [[1]])


def test_huge_sinks_do_not_overflow() -> None:
    weights, sunk = softmax(np.array([[[0.0, 0.0]]]), sinks=np.array([[[1e300]]]))
    np.testing.assert_array_equal(weights, [[[0, 0]]])
    np.testing.assert_array_equal(sunk, [[1]])


def test_softmax_leaves_its_scores_alone_unless_it_is_told_to_write_there() -> None:
    scores = np.array([0.4, 0.1, 0.35])
    before = scores.copy()
    softmax(scores)
    np.testing.assert_array_equal(scores, before)
    weights, _ = softmax(scores, out=scores)
    assert weights is scores


def test_features_side_by_side_become_heads_and_side_by_side_again() -> None:
    x = np.arange(5 * 6).reshape(5, 6)
    heads = split_heads(x, 2)
    assert heads.shape == (2, 5, 3)
    np.testing.assert_array_equal(heads[1, 0], [3, 4, 5])
    np.testing.assert_array_equal(join_heads(heads), x)
