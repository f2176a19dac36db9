"""The head that `attn why` explains unless another is chosen."""

from dataclasses import replace

import numpy as np
import pytest

from attn_cli.analysis.strongest import query_of, strongest_head
from attn_cli.errors import SelectionError
from tests.analysis.heads.weights import trace_of

EVEN = [[1.0, 0, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3]]
ON_FIRST = [[1.0, 0, 0], [1, 0, 0], [1, 0, 0]]
ON_ITSELF = [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]
BEFORE = [[1.0, 0, 0], [1, 0, 0], [0, 0.9, 0.1]]


def test_the_head_that_looks_most_at_one_key_is_the_strongest() -> None:
    trace = trace_of("a b c", EVEN, ON_FIRST, ON_ITSELF, BEFORE)
    assert strongest_head(trace)[1] == 3
    assert strongest_head(trace, "c")[1] == 3


def test_a_key_that_is_named_decides() -> None:
    trace = trace_of("a b c", EVEN, ON_FIRST, ON_ITSELF, BEFORE)
    assert strongest_head(trace, "c", "a")[1] == 1
    assert strongest_head(trace, "c", "c")[1] == 2


def test_the_first_key_and_the_query_itself_count_where_nothing_else_is_seen() -> None:
    assert strongest_head(trace_of("a b c", ON_ITSELF, ON_FIRST), "a")[1] == 0
    assert strongest_head(trace_of("a b c", np.tril(np.full((3, 3), 0.1)), ON_FIRST), "b")[1] == 1


def test_special_tokens_do_not_count() -> None:
    on_special = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    before = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0.6, 0.4]]
    assert strongest_head(trace_of(["<s>", "[SEP]", "a", "b"], on_special, before))[1] == 1


def test_layers_are_compared_and_those_without_weights_are_left_out() -> None:
    weak, strong = trace_of("a b c", EVEN), trace_of("a b c", EVEN, BEFORE, name="layers.1")
    both = replace(weak, layers=(weak.layers[0], strong.layers[0]))
    layer, head = strongest_head(both)
    assert (layer.name, head) == ("layers.1", 1)
    bare = replace(strong.layers[0], stages=())
    assert strongest_head(replace(both, layers=(weak.layers[0], bare)))[0].name == "layers.0"


def test_a_query_that_is_in_no_layer_is_refused() -> None:
    with pytest.raises(SelectionError, match="there is no query 'd'"):
        strongest_head(trace_of("a b c", EVEN, BEFORE), "d")


def test_the_last_query_is_the_one_that_nobody_named_even_where_a_token_is_called_minus_1() -> None:
    layer = trace_of(["-1", "b", "c"], EVEN).layers[0]
    assert query_of(layer, None) == 2
    assert query_of(layer, "-1") == 0
