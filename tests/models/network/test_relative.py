"""Biases by distance, tables of positions and names that stand in for others: by hand and by plain loops."""

from pathlib import Path

import numpy as np
import pytest

from attn_cli.core.norms import Norm
from attn_cli.models.files.tensor import Tensor
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.network.arithmetic import sinusoids
from attn_cli.models.network.disentangled import Positional
from attn_cli.models.network.plan import StackPlan
from attn_cli.models.network.relative import Buckets
from attn_cli.models.network.weights import Packed, Weights, unclaimed


def stored(folder: Path, **arrays: np.ndarray) -> Tensors:
    """Tensors of float32 files, one each; `__` in a name is a dot."""
    found = {}
    for name, array in arrays.items():
        path = folder / f"{name}.bin"
        path.write_bytes(array.astype("<f4").tobytes())
        found[name.replace("__", ".")] = Tensor(str(path), "F32", array.shape, 0, array.size * 4)
    return Tensors(found)


def test_near_distances_have_a_bucket_each_and_far_ones_share() -> None:
    ahead = np.array([-100, -32, -8, -5, -4, -3, -1, 0, 1, 9])
    one_way = Buckets(8, 32, both_ways=False)
    np.testing.assert_array_equal(one_way.of(ahead), [7, 7, 5, 4, 4, 3, 1, 0, 0, 0])
    both_ways = Buckets(16, 32, both_ways=True)
    np.testing.assert_array_equal(both_ways.of(ahead), [7, 7, 5, 4, 4, 3, 1, 0, 9, 13])


def test_a_bucket_is_looked_up_for_each_head(tmp_path: Path) -> None:
    table = np.arange(24.0).reshape(8, 3)
    weights = Weights(stored(tmp_path, bias__weight=table), {"relative": "bias"}, "")
    bias = Buckets(8, 32, both_ways=False)(weights, np.arange(5), np.arange(5))
    assert bias is not None
    for head in range(3):
        for query in range(5):
            for key in range(5):
                assert bias[head, query, key] == table[max(query - key, 0), head]


def test_a_layer_without_a_table_has_no_bias_of_its_own(tmp_path: Path) -> None:
    weights = Weights(stored(tmp_path), {"relative": "layers.{i}.bias"}, "", 1)
    assert Buckets(8, 32, both_ways=True)(weights, np.arange(3), np.arange(3)) is None


@pytest.mark.parametrize("logarithmic", [False, True])
def test_content_meets_distance_as_in_plain_loops(tmp_path: Path, logarithmic: bool) -> None:
    rng = np.random.default_rng(5)
    heads, tokens, d_k, span = 2, 11, 3, 5
    table, projections = rng.normal(size=(2 * span, 6)), rng.normal(size=(2, heads * d_k, 6))
    q, k = rng.normal(size=(2, heads, tokens, d_k)).astype(np.float32)
    tensors = stored(tmp_path, table__weight=table, pk__weight=projections[0], pq__weight=projections[1])
    names = {"relative": "table", "position_k": "pk", "position_q": "pq"}
    positional = Positional(span, 7, logarithmic, 0.5, of_queries=True, of_keys=True)
    bias = positional(Weights(tensors, names, ""), q, k, np.arange(tokens), np.arange(tokens))
    for head in range(heads):
        rows = slice(head * d_k, (head + 1) * d_k)
        keys, queries = table @ projections[0][rows].T, table @ projections[1][rows].T
        for i in range(tokens):
            for j in range(tokens):
                place = min(max(int(positional.of(np.array(i - j))) + span, 0), 2 * span - 1)
                expected = 0.5 * (q[head, i] @ keys[place] + k[head, j] @ queries[place])
                np.testing.assert_allclose(bias[head, i, j], expected, rtol=1e-4, atol=1e-5)


def test_far_distances_share_logarithmic_buckets_on_both_sides() -> None:
    behind = np.array([-12, -3, -2, 0, 2, 3, 5, 12])
    np.testing.assert_array_equal(
        Positional(6, 25, True, 1, of_queries=True, of_keys=True).of(behind), [-5, -3, -2, 0, 2, 3, 4, 5]
    )


def test_the_distances_table_is_normed_where_the_model_does_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table, projection = rng.normal(size=(6, 5)).astype(np.float32), rng.normal(size=(4, 5))
    tensors = stored(tmp_path, table__weight=table, pk__weight=projection)
    norm = Norm("layer", 1e-7)
    q = rng.normal(size=(2, 3, 2)).astype(np.float32)
    names = {"relative": "table", "position_k": "pk"}
    positional = Positional(3, 3, False, 1, of_queries=True, of_keys=False, norm=norm)
    bias = positional(Weights(tensors, names, ""), q, q, np.arange(3), np.arange(3))
    keys = norm(table, None) @ projection[2:].T  # of the second head
    np.testing.assert_allclose(bias[1, 2, 0], q[1, 2] @ keys[2 + 3], rtol=1e-5)


def test_sines_stand_before_cosines() -> None:
    table = sinusoids(np.array([0, 3]), 5)
    speeds = 10000.0 ** (-2 * np.array([0, 1, 2, 0, 1]) / 5)
    np.testing.assert_allclose(table[0], [0, 0, 0, 1, 1])
    np.testing.assert_allclose(table[1], [*np.sin(3 * speeds[:3]), *np.cos(3 * speeds[3:])], rtol=1e-6)


def test_padding_takes_no_position() -> None:
    plan = StackPlan((), {}, position_offset=2, padding=1)
    np.testing.assert_array_equal(plan.positions(np.array([0, 9, 1, 9, 1])), [2, 3, 1, 4, 1])
    np.testing.assert_array_equal(StackPlan((), {}, position_offset=2).positions(np.array([1, 1])), [2, 3])


def test_tied_weights_are_found_under_any_of_their_names(tmp_path: Path) -> None:
    names = {"embed": Packed("encoder.embed", others=("shared", "decoder.embed"))}
    tensors = stored(tmp_path, shared__weight=np.eye(3), other__weight=np.eye(2))
    weights = Weights(tensors, names, "")
    np.testing.assert_array_equal(weights.rows("embed", np.array([2])), [[0, 0, 1]])
    np.testing.assert_array_equal(weights.matrix("embed"), np.eye(3))
    assert weights.named("embed") == "shared.weight"
    assert unclaimed(tensors, [names], "", ()) == ["other.weight"]
