"""Comparing traces whose answer is obvious."""

import math

import numpy as np
import pytest

from attn_cli.analysis.compare import compare
from attn_cli.analysis.compare_document import compare_document
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Layer, Settings, Stage, Trace


def trace(*weights: list[list[float]], tokens: str = "a b", name: str = "weights", layers: int = 1) -> Trace:
    words = tuple(tokens.split())
    made = [
        Layer(
            stages=(Stage(name, np.array(weights)),),
            query_tokens=words,
            key_tokens=words,
            heads=len(weights),
            kv_heads=len(weights),
            head_index=tuple(range(len(weights))),
            kv_head_index=tuple(range(len(weights))),
            settings=Settings(),
            name=f"layers.{number}",
            index=number,
        )
        for number in range(layers)
    ]
    return Trace(tokens=words, layers=tuple(made), source={"kind": "arrays"})


SAME = [[0.5, 0.5], [1.0, 0.0]]


def test_disjoint_attention_diverges_by_the_logarithm_of_two() -> None:
    found = compare(trace([[1.0, 0.0], [0.0, 1.0]]), trace([[0.0, 1.0], [1.0, 0.0]]))
    assert found.heads[0].js == pytest.approx(math.log(2), abs=1e-15)
    assert found.largest == 1


def test_equal_attention_does_not_diverge() -> None:
    found = compare(trace(SAME), trace(SAME))
    assert (found.largest, found.heads[0].js, found.first(0)) == (0, 0, None)


def test_the_largest_difference_is_found_with_its_index() -> None:
    found = compare(trace(SAME, SAME), trace(SAME, [[0.5, 0.5], [0.25, 0.75]]))
    (difference,) = found.stages
    assert (difference.largest, difference.index, difference.a, difference.b) == (0.75, (1, 1, 0), 1.0, 0.25)
    assert [head.head for head in found.heads] == [1, 0]


@pytest.mark.parametrize(
    ("a", "b", "largest"),
    [
        (-math.inf, -math.inf, 0),
        (-math.inf, 1, math.inf),
        (1, -math.inf, math.inf),
        (math.nan, math.nan, 0),
        (math.nan, 1, math.inf),
        (math.inf, math.inf, 0),
        (math.inf, -math.inf, math.inf),
    ],
)
def test_what_is_no_number_in_both_is_no_difference(a: float, b: float, largest: float) -> None:
    one, other = (trace([[value, 0.0], [0.0, 0.0]], name="masked") for value in (a, b))
    assert compare(one, other).largest == largest


def test_rows_of_nan_do_not_hide_a_difference() -> None:
    found = compare(trace([[math.nan, math.nan], [1.0, 0.0]]), trace(SAME))
    assert found.largest == math.inf
    assert math.isnan(found.heads[0].js)


def test_the_stage_where_they_part_is_the_first_above_the_tolerance() -> None:
    found = compare(trace(SAME, layers=3), trace([[0.25, 0.75], [1.0, 0.0]], layers=3))
    first = found.first(0.1)
    assert first is not None
    assert first.layer == "layers.0"
    assert found.first(0.25) is None


def test_layers_of_other_names_are_compared_in_their_order() -> None:
    assert [stage.layer for stage in compare(trace(SAME, layers=2), trace(SAME, layers=3)).stages] == [
        "layers.0",
        "layers.1",
    ]


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(SelectionError, match="nothing to compare"):
        compare(trace(SAME), trace(SAME, name="scores"))
    with pytest.raises(SelectionError, match="no token of A is paired with one of B"):
        compare(trace(SAME), trace(np.eye(3).tolist(), tokens="x y z"))


def test_the_document_says_where_they_part() -> None:
    one, other = trace(SAME), trace([[0.25, 0.75], [1.0, 0.0]])
    document = compare_document(one, other, compare(one, other), 0.0)
    assert document["first"] == {"layer": "layers.0", "layer_index": 0, "stage": "weights"}
    assert document["stages"][0]["row"] == (0, 0)
    assert compare_document(one, other, compare(one, other), 1.0)["differ"] is False
