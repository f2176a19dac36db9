"""Which rows of a fused matrix are queries, keys and values."""

import numpy as np
import pytest

from attn_cli.models.network.weights import Packed, fused, grouped

ROWS = np.arange(1, 25)[:, np.newaxis] * np.ones(5)


def taken(names: object, name: str) -> list[int]:
    part = names[name]  # type: ignore[index]
    assert isinstance(part, Packed)
    assert part.cut is not None
    return [int(row[0]) for row in part.cut(ROWS)]


def test_one_group_has_all_queries_before_all_keys_before_all_values() -> None:
    names = fused("qkv", heads=4, kv_heads=2)
    assert taken(names, "q") == list(range(1, 13))
    assert taken(names, "k") == list(range(13, 19))
    assert taken(names, "v") == list(range(19, 25))


def test_a_group_has_its_queries_its_key_and_its_value_side_by_side() -> None:
    names = fused("qkv", heads=4, kv_heads=2, groups=2)
    assert taken(names, "q") == [*range(1, 7), *range(13, 19)]
    assert taken(names, "k") == [*range(7, 10), *range(19, 22)]
    assert taken(names, "v") == [*range(10, 13), *range(22, 25)]


def test_as_many_groups_as_heads_give_query_key_and_value_head_by_head() -> None:
    names = fused("qkv", heads=4, kv_heads=4, groups=4)
    assert taken(names, "q") == [1, 2, 7, 8, 13, 14, 19, 20]
    assert taken(names, "v") == [5, 6, 11, 12, 17, 18, 23, 24]


def test_an_order_of_its_own_puts_values_before_keys() -> None:
    names = fused("qkv", heads=4, kv_heads=4, groups=2, order="qvk")
    assert taken(names, "v") == [5, 6, 7, 8, 17, 18, 19, 20]
    assert taken(names, "k") == [9, 10, 11, 12, 21, 22, 23, 24]


def test_biases_are_cut_like_rows() -> None:
    np.testing.assert_array_equal(grouped(2, 3, 1, 2)(np.arange(12)), [2, 3, 8, 9])


def test_rows_that_cannot_be_divided_so_are_not_cut() -> None:
    with pytest.raises(ValueError, match="reshape"):
        grouped(5, 3, 0, 1)(ROWS)
