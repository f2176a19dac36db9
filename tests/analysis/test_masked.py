"""Masked cells: from the stage, or from the mask that a layer names."""

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.masked import marked, masked_cells
from attn_cli.trace.trace import Layer, Trace


def layer_of(trace: Trace, *stages: str) -> Trace:
    return Trace(trace.tokens, tuple(layer.select(None, stages) for layer in trace.layers), trace.source)


@pytest.mark.parametrize("mask", ["causal", "sliding:2", "local:2", "prefix:2", "causal:start"])
def test_the_mask_of_a_layer_says_what_the_stage_says(mask: str) -> None:
    trace = explain("a b c d e", mask=mask, heads=2)
    whole, alone = masked_cells(trace.layers[0]), masked_cells(layer_of(trace, "weights").layers[0])
    assert whole is not None
    assert alone is not None
    np.testing.assert_array_equal(np.broadcast_to(alone, whole.shape), whole)


def test_nothing_is_masked_without_a_mask() -> None:
    assert masked_cells(explain("a b c").layers[0]) is None


def test_marked_weights_are_minus_infinity_where_masked_and_nowhere_else() -> None:
    trace = explain("a b c d", mask="causal")
    weights, shown = trace.layers[0]["weights"], marked(trace).layers[0]["weights"]
    hidden = np.triu(np.ones((4, 4), dtype=bool), 1)
    assert np.isneginf(shown[0][hidden]).all()
    np.testing.assert_array_equal(shown[0][~hidden], weights[0][~hidden])
    assert np.isfinite(weights).all()  # the trace itself is not changed


ARRAY = [[True, False, True], [True, True, False], [True, True, True]]
PER_HEAD = [ARRAY, [[True, True, True], [False, True, True], [True, False, True]]]


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize(("heads", "array"), [(1, ARRAY), (2, ARRAY), (2, PER_HEAD)])
def test_what_an_array_hides_is_masked_where_the_weights_are_kept_alone(
    mask: str, heads: int, array: list[object]
) -> None:
    numbers = np.random.default_rng(0).normal(size=(3, heads, 3, 2))
    document = dict(zip("QKV", numbers, strict=True)) | {"tokens": list("abc"), "attn_mask": array, "mask": mask}
    whole = explain(weights=document)
    expected = np.isneginf(whole.layers[0]["masked"])
    alone = explain(weights=document, stage="weights")
    chosen = layer_of(whole, "weights")
    for trace in (alone, chosen):
        hidden = masked_cells(trace.layers[0])
        assert hidden is not None
        np.testing.assert_array_equal(np.broadcast_to(hidden, expected.shape), expected)
        np.testing.assert_array_equal(np.isneginf(marked(trace).layers[0]["weights"]), expected)
    last = explain(weights=document, stage="weights", head=heads - 1).layers[0]
    np.testing.assert_array_equal(np.isneginf(marked_layer(last)["weights"][0]), expected[heads - 1])


def marked_layer(layer: Layer) -> Layer:
    return marked(Trace(layer.key_tokens, (layer,), {})).layers[0]
