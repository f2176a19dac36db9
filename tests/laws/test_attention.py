"""What holds for any attention, whatever the numbers."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.core.attention import Projections, attend
from attn_cli.core.masks import Mask
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions
from attn_cli.trace.trace import Array
from tests.core.runs import POSITIONS

D_MODEL, D_K, D_V = 7, 4, 3
MASKS = ("none", "causal", "causal:start", "sliding:2", "local:3", "prefix:2", "chunked:2")

masks = st.sampled_from(MASKS).map(parse_mask)
seeds = st.integers(0, 2**32)
heads = st.sampled_from([(1, 1), (3, 3), (6, 2), (5, 1)])


def projections(rng: np.random.Generator, heads: tuple[int, int]) -> Projections:
    widths = {"W_Q": heads[0] * D_K, "W_K": heads[1] * D_K, "W_V": heads[1] * D_V}
    return Projections(**{name: rng.normal(size=(D_MODEL, width)) for name, width in widths.items()})


def words(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@given(
    seed=seeds, n=st.integers(1, 13), heads=heads, mask=masks, positions=st.sampled_from(POSITIONS), hide=st.booleans()
)
def test_weights_are_not_negative_and_rows_sum_to_1_and_what_is_hidden_weighs_exactly_nothing(
    seed: int, n: int, heads: tuple[int, int], mask: Mask, positions: str, hide: bool
) -> None:
    rng = np.random.default_rng(seed)
    spec = Spec(*heads, mask=mask, positions=parse_positions(positions))
    extras = Extras(hidden=rng.random((n, n)) < 0.3 if hide else None)
    layer = attend(
        words(n), {"embedded": rng.normal(size=(n, D_MODEL)) * 9}, projections(rng, heads), spec, extras=extras
    )
    weights, visible = layer["weights"], np.ones((n, n), bool)
    if (seen := mask.visible(slice(None), n, n)) is not None:
        visible &= seen
    if extras.hidden is not None:
        visible &= ~extras.hidden
    assert (weights >= 0).all()
    assert (weights[:, ~visible] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=2), np.broadcast_to(visible.any(axis=1), (heads[0], n)), atol=1e-14)


@given(seed=seeds, n=st.integers(1, 11), heads=heads, data=st.data())
def test_without_mask_and_positions_permuting_tokens_permutes_outputs(
    seed: int, n: int, heads: tuple[int, int], data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(n))))
    rng = np.random.default_rng(seed)
    x, matrices = rng.normal(size=(n, D_MODEL)), projections(rng, heads)
    first = attend(words(n), {"X": x}, matrices, Spec(*heads))
    second = attend(words(n), {"X": x[order]}, matrices, Spec(*heads))
    np.testing.assert_allclose(second["weights"], first["weights"][:, order][:, :, order], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(second["output"], first["output"][order], rtol=1e-10, atol=1e-12)


@given(seed=seeds, n=st.integers(2, 11), mask=masks, scale=st.sampled_from([1.0, 0.25, -3.0]))
def test_a_constant_added_to_a_row_of_scores_changes_nothing(seed: int, n: int, mask: Mask, scale: float) -> None:
    rng = np.random.default_rng(seed)
    scores, v = rng.normal(size=(3, n, n)), rng.normal(size=(3, n, D_V))
    constants = rng.normal(size=(3, n, 1)) * 50
    spec = Spec(heads=3, mask=mask, scale=scale)
    first, second = (attend(words(n), {"scores": moved, "V": v}, None, spec) for moved in (scores, scores + constants))
    np.testing.assert_allclose(second["weights"], first["weights"], rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(second["output"], first["output"], rtol=1e-9, atol=1e-12)


@given(seed=seeds, n=st.integers(1, 7), d=st.sampled_from([1, 3, 5]))
def test_one_head_with_identity_projections_is_the_formula_of_the_page(seed: int, n: int, d: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d))
    eye = np.eye(d)
    layer = attend(words(n), {"X": x}, Projections(eye, eye, eye))
    powers = np.exp(x @ x.T / np.sqrt(d))
    np.testing.assert_allclose(layer["output"], powers / powers.sum(axis=1, keepdims=True) @ x, rtol=1e-10, atol=1e-12)


@given(seed=seeds, n=st.integers(1, 7), mask=masks, positions=st.sampled_from(POSITIONS))
def test_keys_repeated_for_each_query_head_are_keys_that_are_shared(
    seed: int, n: int, mask: Mask, positions: str
) -> None:
    rng = np.random.default_rng(seed)
    q, k, v = (rng.normal(size=(count, n, D_K)) for count in (6, 2, 2))
    spec = Spec(6, 2, mask=mask, positions=parse_positions(positions))
    shared = attend(words(n), {"Q": q, "K": k, "V": v}, None, spec)
    repeated = {"Q": q, "K": k.repeat(3, axis=0), "V": v.repeat(3, axis=0)}
    own = attend(words(n), repeated, None, replace(spec, kv_heads=6))
    for name in ("weights", "head_output", "output"):
        np.testing.assert_array_equal(own[name], shared[name])


@given(seed=seeds, n=st.integers(1, 11), shift=st.integers(1, 1000), positions=st.sampled_from(["rope", "alibi"]))
def test_rope_and_alibi_see_distances_alone(seed: int, n: int, shift: int, positions: str) -> None:
    rng = np.random.default_rng(seed)
    given_ = {name: rng.normal(size=(3, n, D_K)) for name in "QKV"}
    spec = Spec(heads=3, positions=parse_positions(positions))
    here, there = (
        attend(words(n), given_, None, spec, extras=Extras(position_ids=np.arange(n) + start)) for start in (0, shift)
    )
    np.testing.assert_allclose(there["weights"], here["weights"], rtol=1e-8, atol=1e-12)


@given(
    seed=seeds,
    n=st.integers(2, 11),
    mask=st.sampled_from(["causal", "sliding:2"]),
    positions=st.sampled_from(POSITIONS),
)
def test_under_a_causal_mask_a_later_token_changes_nothing_before_it(
    seed: int, n: int, mask: str, positions: str
) -> None:
    rng = np.random.default_rng(seed)
    x, matrices = rng.normal(size=(n, D_MODEL)), projections(rng, (3, 1))
    spec = Spec(3, 1, mask=parse_mask(mask), positions=parse_positions(positions))
    longer, shorter = (attend(words(count), {"embedded": x[:count]}, matrices, spec) for count in (n, n - 1))
    np.testing.assert_allclose(longer["output"][:-1], shorter["output"], rtol=1e-9, atol=1e-12)


def test_a_bias_of_zeros_and_a_mask_that_hides_nothing_change_nothing() -> None:
    rng = np.random.default_rng(0)
    given_ = {name: rng.normal(size=(1, 5, 3)) for name in "QKV"}
    nothing: Array = np.zeros((5, 5))
    plain = attend(words(5), given_)
    biased = attend(words(5), given_, extras=Extras(bias=nothing, hidden=nothing.astype(bool)))
    np.testing.assert_array_equal(biased["weights"], plain["weights"])
