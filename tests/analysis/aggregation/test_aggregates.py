"""Aggregations: by hand, against networkx, and by what they are defined to keep."""

import json
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.aggregation.aggregates import METHODS, aggregate
from attn_cli.analysis.aggregation.contribution import LEAST, contribution
from attn_cli.analysis.aggregation.effective import effective
from attn_cli.analysis.aggregation.flow import MOST_TOKENS, flow
from attn_cli.analysis.aggregation.norms import norm, value_norm
from attn_cli.analysis.aggregation.rollout import rollout
from attn_cli.analysis.aggregation.spreads import largest, mean
from attn_cli.errors import SelectionError
from attn_cli.models.explain import run_model
from attn_cli.models.model import open_model
from attn_cli.models.output_matrix import writes_of_model
from attn_cli.models.request import ModelRequest
from attn_cli.sources.explain import read, traced
from attn_cli.sources.output_matrix import HeadOutputMatrix, writes_of
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Trace
from tests.analysis.aggregation.aggregating import chosen, drawn, layer_of

SAMPLES = Path(__file__).parents[3] / "samples"
KNOWN = str(SAMPLES / "known-heads")
NETWORKX = json.loads((Path(__file__).parents[2] / "parity" / "flow.json").read_text())["cases"]
FIRST = np.array([[[1.0, 0.0], [1.0, 0.0]]])
SECOND = np.array([[[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]])
RNG = np.random.default_rng(3)


def test_mean_and_max_go_over_heads_and_layers_alike() -> None:
    layers = layer_of(0, weights=FIRST), layer_of(1, weights=SECOND)
    np.testing.assert_allclose(mean(chosen(*layers)).matrix, [[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(largest(chosen(*layers)).matrix, [[1, 0], [1, 1]])


def test_rollout_by_hand() -> None:
    # Â_1 = [[1, 0], [1/2, 1/2]]; Â_2 = [[1, 0], [1/8, 7/8]]; row b of the product: 1/8 + 7/16, 7/16.
    made = rollout(chosen(layer_of(0, weights=FIRST), layer_of(1, weights=SECOND)))
    np.testing.assert_allclose(made.matrix, [[1, 0], [9 / 16, 7 / 16]])


def test_rollout_multiplies_later_layers_from_the_left() -> None:
    # Layer 0 moves b to a and c to b, layer 1 moves c to a: in the other order c would reach a through b as well.
    # Â_0 = [[1, 0, 0], [1/2, 1/2, 0], [0, 1/2, 1/2]]; Â_1 = [[1, 0, 0], [0, 1, 0], [1/2, 0, 1/2]].
    earlier = np.array([[[1.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    later = np.array([[[1.0, 0, 0], [0, 1, 0], [1, 0, 0]]])
    matrix = rollout(chosen(layer_of(0, weights=earlier), layer_of(1, weights=later))).matrix
    np.testing.assert_allclose(matrix, [[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 2, 1 / 4, 1 / 4]])
    assert not np.allclose(matrix, rollout(chosen(layer_of(0, weights=later), layer_of(1, weights=earlier))).matrix)


def test_flow_by_hand() -> None:
    # From b to a: 1/8 by way of a, and of the 7/8 to b no more than Â_1's 1/2. From b to b: 1/2 can leave b.
    made = flow(chosen(layer_of(0, weights=FIRST), layer_of(1, weights=SECOND)))
    np.testing.assert_allclose(made.matrix, [[1, 0], [5 / 8, 1 / 2]])


@pytest.mark.parametrize("name", NETWORKX)
def test_flow_is_what_networkx_finds(name: str) -> None:
    case = NETWORKX[name]
    layers = [layer_of(index, weights=np.array(weights)) for index, weights in enumerate(case["weights"])]
    np.testing.assert_allclose(flow(chosen(*layers)).matrix, case["flow"], atol=1e-9)


def test_through_one_layer_flow_and_rollout_are_the_step_itself() -> None:
    one = chosen(layer_of(weights=drawn(RNG, 2, 5, 5)))
    np.testing.assert_allclose(flow(one).matrix, rollout(one).matrix)


def test_rollout_stays_causal_and_its_rows_sum_to_1_even_beside_sinks() -> None:
    weights = np.tril(drawn(RNG, 3, 7, 7))  # rows sum to less than 1
    made = rollout(chosen(layer_of(0, weights=weights), layer_of(1, weights=weights)))
    np.testing.assert_allclose(made.matrix.sum(axis=1), 1)
    assert not np.triu(made.matrix, 1).any()
    assert any("encoders" in remark for remark in made.remarks)


def test_rollout_warns_about_layers_that_it_skips() -> None:
    weights = drawn(RNG, 1, 3, 3)
    remarks = rollout(chosen(layer_of(1, weights=weights), layer_of(3, weights=weights))).remarks
    assert remarks == (
        "it starts at the input of layers.1, not at the embeddings",
        "it skips the layers between the chosen ones",
    )


def test_value_norm_by_hand() -> None:
    layer = layer_of(weights=SECOND, kv_heads=1, V=[[[3.0, 4.0], [0.0, 1.0]]])
    np.testing.assert_allclose(value_norm(chosen(layer)).matrix, [[5, 0], [1.25, 0.75]])


def test_norm_adds_heads_before_it_takes_the_length() -> None:
    # Both heads read the same values and write them with opposite signs: what they agree on cancels.
    matrix = np.stack([np.eye(2), -np.eye(2)])
    layer = layer_of(weights=SECOND, kv_heads=1, V=[[[3.0, 4.0], [0.0, 1.0]]])
    np.testing.assert_allclose(norm(chosen(layer, matrix=matrix)).matrix, [[0, 0], [2.5, 0.5]])
    np.testing.assert_allclose(norm(chosen(layer, matrix=matrix, heads=(1,))).matrix, [[5, 0], [0, 1]])


def test_each_head_writes_through_its_own_part_of_w_o() -> None:
    matrix = np.stack([np.eye(2), 3 * np.eye(2)])
    layer = layer_of(weights=SECOND, kv_heads=1, V=[[[3.0, 4.0], [0.0, 1.0]]])
    np.testing.assert_allclose(norm(chosen(layer, matrix=matrix, heads=(0,))).matrix, [[5, 0], [2.5, 0.5]])
    np.testing.assert_allclose(norm(chosen(layer, matrix=matrix, heads=(1,))).matrix, [[15, 0], [0, 3]])
    np.testing.assert_allclose(norm(chosen(layer, matrix=matrix)).matrix, [[20, 0], [2.5, 3.5]])
    written = next(chosen(layer, matrix=matrix, heads=(1,)).written())
    np.testing.assert_allclose(written, [[[9, 12], [0, 3]]])


def test_effective_attention_gives_the_same_output_and_no_more() -> None:
    weights, values, matrix = drawn(RNG, 2, 5, 7), RNG.normal(size=(2, 7, 3)), RNG.normal(size=(2, 3, 11))
    written = values @ matrix
    for head in range(2):
        layer = layer_of(weights=weights, V=values)
        made = effective(chosen(layer, matrix=matrix, heads=(head,)))
        np.testing.assert_allclose(made.matrix @ written[head], weights[head] @ written[head])
        assert not np.allclose(made.matrix, weights[head])
        assert np.linalg.norm(made.matrix) < np.linalg.norm(weights[head])
        assert made.figures == {"rank": {"layers.0": [3]}, "keys": 7}
        assert any("rank of T 3, n = 7" in remark for remark in made.remarks)
        without = effective(chosen(layer, heads=(head,)))
        np.testing.assert_allclose(without.matrix, made.matrix)
        assert any("T = V instead" in remark for remark in without.remarks)


def test_effective_attention_is_the_weights_where_the_rank_is_full() -> None:
    weights = drawn(RNG, 1, 3, 3)
    made = effective(chosen(layer_of(weights=weights, V=RNG.normal(size=(1, 3, 5)))))
    np.testing.assert_allclose(made.matrix, weights[0])


def test_contribution_by_hand() -> None:
    # y = (4, 1) + 1/2 (2, 0) + 1/2 (0, −2) = (5, 0); ‖y‖ = 5. Parts: (4, 1): 5 − 2 = 3; (1, 0): 5 − 4 = 1; (0, −1): 0.
    values = np.array([[[2.0, 0.0], [0.0, -2.0]]])
    weights = np.array([[[0.5, 0.5], [0.5, 0.5]]])
    layer = layer_of(weights=weights, V=values, residual=[[4.0, 1.0], [4.0, 1.0]], output=[[1.0, -1.0], [1.0, -1.0]])
    made = contribution(chosen(layer, matrix=np.eye(2)[np.newaxis]))
    whole = 4 + LEAST
    np.testing.assert_allclose(made.matrix, [[1 / whole, LEAST / whole]] * 2)
    np.testing.assert_allclose(made.figures["residual"], [3 / whole] * 2)


def test_contribution_is_undefined_where_a_norm_follows_attention() -> None:
    layer = layer_of(weights=FIRST, V=np.ones((1, 2, 2)), residual=np.ones((2, 2)), output=np.ones((2, 2)))
    asked = chosen(layer)
    normed = type(asked)(
        "contribution", asked.layers, asked.heads, lambda _: HeadOutputMatrix(np.eye(2)[None], normed=True)
    )
    with pytest.raises(SelectionError, match="norms the attention output"):
        contribution(normed)


def known(stages: tuple[str, ...]) -> Trace:
    pytest.importorskip("tokenizers")
    return run_model(ModelRequest(KNOWN, "the cat sat on the mat"), stages=stages)


def test_what_keys_write_adds_up_to_a_checkpoints_output() -> None:
    trace = known(("weights", "V", "output"))
    writes = writes_of_model(open_model(KNOWN))
    asked = chosen(*trace.layers)
    asked = type(asked)("norm", asked.layers, asked.heads, writes)
    for layer, weights, written in zip(trace.layers, asked.weights(), asked.written(), strict=True):
        total = np.einsum("hqk,hkd->qd", weights, written)
        bias = layer["output"][0] - total[0]
        np.testing.assert_allclose(layer["output"] - bias, total, atol=1e-4)


@pytest.mark.parametrize(
    "request_",
    [Request(weights=str(SAMPLES / "two-heads.json")), Request(text="a b c d e", heads=4, kv_heads=2, dim=8)],
)
def test_what_keys_write_adds_up_to_a_documents_output(request_: Request) -> None:
    found = read(request_)
    (layer,) = traced(request_, found).layers
    asked = chosen(layer)
    (written,) = type(asked)("norm", asked.layers, asked.heads, writes_of(found)).written()
    total = np.einsum("hqk,hkd->qd", layer["weights"], written)
    bias = layer["output"][0] - total[0]
    np.testing.assert_allclose(layer["output"], total + bias)
    if request_.weights is None:
        np.testing.assert_allclose(bias, 0, atol=1e-12)


ROW_SUMS = MappingProxyType({"mean": 1, "rollout": 1})


@pytest.mark.parametrize("name", METHODS)
def test_rows_sum_to_what_is_said_and_every_method_runs_on_a_checkpoint(name: str) -> None:
    made = aggregate(known(METHODS[name].needs), name, writes_of_model(open_model(KNOWN)))
    sums = made.matrix.sum(axis=1)
    assert made.matrix.shape == (7, 7)
    assert made.layers == ("layers.0", "layers.1")
    if name in ROW_SUMS:
        np.testing.assert_allclose(sums, ROW_SUMS[name], atol=1e-5)
    elif name == "contribution":
        np.testing.assert_allclose(sums + made.figures["residual"], 1)
    elif name == "max":
        assert (sums > 1 - 1e-6).all()
    assert METHODS[name].rows_sum_to.startswith("1" if name in (*ROW_SUMS, "contribution") else "no fixed sum")
    if not METHODS[name].signed:
        assert (made.matrix >= 0).all()


def test_heads_are_chosen_by_their_own_numbers() -> None:
    trace = explain("a b c", heads=2)
    made = aggregate(trace, "mean", lambda _: None, "-1")
    assert made.heads == ((1,),)
    np.testing.assert_array_equal(made.matrix, trace.layers[0]["weights"][1])


def test_impossible_aggregations_are_errors() -> None:
    long = Trace(("a",), (layer_of(weights=drawn(RNG, 1, MOST_TOKENS + 1, MOST_TOKENS + 1)),), {})
    with pytest.raises(
        SelectionError, match=f"up to {MOST_TOKENS} tokens, and this text has {MOST_TOKENS + 1}"
    ) as raised:
        aggregate(long, "flow", lambda _: None)
    assert "rollout" in raised.value.hint
    bare = Trace(("a",), (layer_of(weights=FIRST),), {})
    for name, message in (("value-norm", "needs V"), ("norm", "needs W_O"), ("contribution", "needs the residual")):
        with pytest.raises(SelectionError, match=message):
            aggregate(bare, name, lambda _: None)
    across = Trace(("a",), (layer_of(weights=drawn(RNG, 1, 2, 3)),), {})
    with pytest.raises(SelectionError, match="needs the same tokens in every layer"):
        aggregate(across, "rollout", lambda _: None)
    unlike = Trace(("a",), (layer_of(weights=FIRST), layer_of(1, weights=drawn(RNG, 1, 2, 3))), {})
    with pytest.raises(SelectionError, match="different queries or keys"):
        aggregate(unlike, "mean", lambda _: None)


def test_norm_warns_if_a_norm_follows_attention() -> None:
    selection = chosen(layer_of(weights=FIRST, V=np.ones((1, 2, 2))))
    for normed in (True, False):
        matrix = HeadOutputMatrix(np.eye(2)[np.newaxis], normed=normed)
        remarks = norm(type(selection)("norm", selection.layers, selection.heads, lambda _, w=matrix: w)).remarks
        assert bool(remarks) == normed
