"""Heads without a partner, and averages over heads."""

import numpy as np
import pytest

from attn_cli import compare, explain
from attn_cli.errors import SelectionError

WEIGHTS = np.random.default_rng(1).dirichlet(np.ones(3), size=(4, 3))


def test_an_average_is_refused_on_either_side_and_says_whose_it_is() -> None:
    heads, mean = explain(weights={"weights": WEIGHTS}), explain(weights={"weights": WEIGHTS.mean(axis=0)})
    with pytest.raises(SelectionError, match="the weights of A are the average over the 4 heads of B"):
        compare(mean, heads)
    with pytest.raises(SelectionError, match="the weights of B are the average over the 4 heads of A") as caught:
        compare(heads, mean)
    assert "choose a head of A" in caught.value.hint


def test_one_head_that_is_no_average_is_compared_and_the_others_are_named() -> None:
    heads, one = explain(weights={"weights": WEIGHTS}), explain(weights={"weights": WEIGHTS[0]})
    comparison = compare(one, heads)
    assert comparison.largest == 0
    assert "layers.0: heads 1, 2, 3 are in B alone" in comparison.left_out
    assert compare(heads, heads).left_out == ()
    assert compare(explain("a b", heads=2, head=0), explain("a b", heads=2, head=1)).left_out == ()


def test_many_heads_are_counted() -> None:
    wide = explain("a b", heads=20, dim=20)
    assert "heads 2, 3, 4, 5, 6, 7, 8, 9 and 10 more are in A alone" in compare(wide, explain("a b", heads=2)).left_out[
        0
    ].replace("layers.0: ", "")
