"""Starting later gives the same stages; what is given is shown as it is, and nobody can change what was made."""

import numpy as np
import pytest

from attn_cli.core.attention import Projections, attend
from attn_cli.core.record import AS_STORED
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array
from tests.core.runs import CONTEXT, EXTRAS, TOKENS, a_run, arrays, attended, given_of

CHAIN = ("scores", "scaled", "softcapped", "biased", "masked", "weights")
STARTS: dict[str, tuple[str, ...]] = {
    "Q, K and V": ("Q", "K", "V"),
    "rotated": ("Q_rotated", "K_rotated", "V"),
    "a cache of rotated keys": ("Q", "K_rotated", "V"),
    **{name: (name, "V") for name in CHAIN},
    "two": ("scaled", "masked", "V"),
    "all": ("Q", "K", "V", "Q_rotated", "K_rotated", *CHAIN),
    "head outputs": ("weights", "head_output"),
}


@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("start", STARTS)
def test_a_later_start_gives_the_same_stages_from_there_on(start: str, cross: bool) -> None:
    extras = ("scale", "softcap", "sinks", "bias", "hidden per head", "W_O", "ids")
    run = a_run(*extras, mask="causal", positions="rope", cross=cross)
    whole = arrays(attended(run))
    held = {name: whole[name] for name in STARTS[start]}
    layer = attended(run, held)
    made = arrays(layer)
    assert {"weights", "output"} <= set(made)
    first = next((name for name in CHAIN if name in held), "scores")
    later = CHAIN[CHAIN.index(first) :]
    assert set(later) <= set(made)
    assert not (set(CHAIN) - set(later)) & set(made)
    for name, array in made.items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)
    stored = {stage.name for stage in layer.stages if stage.formula == AS_STORED}
    assert stored == set(held)


def test_weights_without_values_end_the_trace() -> None:
    weights = np.full((1, 2, 3), 1 / 3)
    layer = attend(["a", "b", "c"], {"weights": weights})
    assert [stage.name for stage in layer.stages] == ["weights"]
    assert layer.query_tokens == ("b", "c")


def test_what_is_stored_is_shown_as_stored_even_where_it_contradicts_what_came_before() -> None:
    scores, weights = np.zeros((1, 2, 2)), np.array([[[0.9, 0.1], [0.2, 0.8]]])
    layer = attend(["a", "b"], {"scores": scores, "weights": weights, "V": np.eye(2)[np.newaxis]}, None, Spec(d_k=4))
    np.testing.assert_array_equal(layer["weights"], weights)
    np.testing.assert_array_equal(layer["head_output"], weights)
    np.testing.assert_array_equal(layer["scaled"], scores)


def test_scores_of_unknown_width_are_not_left_unscaled_without_a_word() -> None:
    scores = np.ones((1, 2, 2))
    with pytest.raises(SpecError, match="d_k"):
        attend(["a", "b"], {"scores": scores})
    with pytest.raises(SpecError, match="d_k"):
        attend(["a", "b"], {"scores": scores, "V": scores}, None, Spec(mask=parse_mask("causal"), softcap=3.0))
    assert "scaled" not in attend(["a", "b"], {"scores": scores}, None, Spec(scale="none"))
    np.testing.assert_array_equal(attend(["a", "b"], {"scores": scores}, None, Spec(d_k=4))["scaled"], scores / 2)
    np.testing.assert_array_equal(attend(["a", "b"], {"scores": scores, "Q": np.ones((1, 2, 4))})["scaled"], scores / 2)


def test_a_residual_stream_is_shown_first_and_changes_nothing() -> None:
    run = a_run()
    residual = np.ones((5, 11))
    layer = attend(TOKENS, {"residual": residual, "X": run.X})
    assert [stage.name for stage in layer.stages] == ["residual", "X"]
    np.testing.assert_array_equal(layer["residual"], residual)


@pytest.mark.parametrize("heads", [(1, 1), (6, 3)])
@pytest.mark.parametrize("start", [(), *STARTS.values()])
def test_what_attend_makes_is_read_only_and_what_the_caller_gave_is_neither_frozen_nor_changed(
    heads: tuple[int, int], start: tuple[str, ...]
) -> None:
    extras = ("scale", "softcap", "sinks", "bias", "hidden", "ids")
    run = a_run(*extras, mask="causal", positions="rope", heads=heads[0], kv_heads=heads[1])
    whole = arrays(attended(run))
    own: dict[str, Array] = {name: whole[name].copy() for name in start} or given_of(run)
    inputs = [*own.values(), run.X, run.W_Q, run.bias, run.hidden, run.sinks]
    before = [None if array is None else array.copy() for array in inputs]
    layer = attended(run, own if start else None)
    for stage in layer.stages:
        owner: object = stage.array
        assert not stage.array.flags.writeable, stage.name
        while isinstance(owner, np.ndarray):
            is_callers = any(owner is array for array in own.values())
            assert is_callers or not owner.flags.writeable, stage.name
            owner = owner.base
    for array, old in zip(inputs, before, strict=True):
        assert array is not None
        assert array.flags.writeable
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_stage_that_was_computed_is_the_callers_own_memory(dtype: str) -> None:
    head_output, weights = np.ones((1, 2, 3)), np.eye(2)[np.newaxis]
    layer = attend(["a", "b"], {"weights": weights, "head_output": head_output}, None, Spec(dtype=dtype))
    assert not np.shares_memory(layer["output"], head_output)
    x = np.ones((2, 3))
    layer = attend(["a", "b"], {"X": x}, Projections(W_Q=np.eye(3), W_K=np.eye(3)), Spec(dtype=dtype))
    assert np.shares_memory(layer["X"], x) == (dtype == "float64")
    assert not np.shares_memory(layer["Q"], layer["X"])


def test_whole_numbers_are_taken_and_words_are_not() -> None:
    layer = attend(["a", "b"], {"weights": np.eye(2, dtype=int)[np.newaxis]})
    assert layer["weights"].dtype == np.float64
    with pytest.raises(SpecError, match="Q holds"):
        attend(["a"], {"Q": np.array([[["1"]]]), "K": np.ones((1, 1, 1))})


def test_keys_of_cross_attention_never_come_from_the_tokens_that_ask() -> None:
    run = a_run(cross=True)
    projections = Projections(run.W_Q, run.W_K, run.W_V)
    with pytest.raises(SpecError, match="X_context, which is missing"):
        attend(TOKENS, {"X": run.X}, projections, Spec(heads=6, kv_heads=3), context_tokens=TOKENS)
    with pytest.raises(SpecError, match="X_context is given, and no tokens"):
        attend(TOKENS, {"X": run.X, "X_context": run.X}, projections, Spec(heads=6, kv_heads=3))
    with pytest.raises(SpecError, match="position_ids_context"):
        attend(TOKENS, {"X": run.X}, None, extras=Extras(position_ids_context=np.arange(5)))


def test_what_attention_cannot_start_from_is_refused() -> None:
    for name in ("W_Q", "content", "values"):
        with pytest.raises(SpecError, match=f"cannot start from '{name}'"):
            attend(["a"], {name: np.ones((1, 1))})


def test_a_query_that_sees_nothing_weighs_nothing() -> None:
    run = a_run(mask="none")
    hidden = np.zeros((5, 5), bool)
    hidden[3] = True
    layer = attend(
        TOKENS,
        {name: attended(run)[name] for name in "QKV"},
        None,
        Spec(heads=6, kv_heads=3),
        extras=Extras(hidden=hidden),
    )
    np.testing.assert_array_equal(layer["weights"][:, 3], np.zeros((6, 5)))
    np.testing.assert_array_equal(layer["head_output"][:, 3], np.zeros((6, 3)))
    np.testing.assert_array_equal(layer["output"][3], np.zeros(18))
    np.testing.assert_allclose(layer["weights"].sum(axis=2)[:, [0, 1, 2, 4]], np.ones((6, 4)), rtol=1e-14)


def test_with_more_queries_than_keys_the_first_ones_see_nothing() -> None:
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(1, 5, 3)), rng.normal(size=(1, 2, 3))
    layer = attend(TOKENS, {"Q": q, "K": k, "V": k}, None, Spec(mask=parse_mask("causal")))
    assert layer.key_tokens == ("d", "e")
    np.testing.assert_array_equal(layer["weights"][0, :4], [[0, 0], [0, 0], [0, 0], [1, 0]])
    np.testing.assert_array_equal(layer["head_output"][0, :3], np.zeros((3, 3)))


def test_huge_scores_do_not_overflow_and_hidden_ones_weigh_exactly_nothing() -> None:
    scores = np.array([[[1e300, -1e300, 1e300], [0, 1e300, 1e300], [-1e300, -1e300, 1e308]]])
    layer = attend("abc", {"scores": scores}, None, Spec(scale=1.0, mask=parse_mask("causal")))
    np.testing.assert_array_equal(layer["weights"], [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]])


def test_a_row_and_what_its_sink_took_sum_to_1() -> None:
    layer = attended(a_run("sinks", "hidden", mask="causal"))
    np.testing.assert_allclose(layer["weights"].sum(axis=2) + layer["sink_weight"], np.ones((6, 5)), rtol=1e-14)
    assert (layer["sink_weight"] > 0.01).all()


def test_alibi_tells_far_positions_apart_in_float16() -> None:
    places = np.array([70000, 70001, 70003])
    layer = attend(
        "abc",
        {"Q": np.zeros((1, 3, 2)), "K": np.zeros((1, 3, 2))},
        None,
        Spec(positions=parse_positions("alibi"), dtype="float16"),
        extras=Extras(position_ids=places),
    )
    np.testing.assert_array_equal(layer["biased"][0] * -256, [[0, 1, 3], [1, 0, 2], [3, 2, 0]])


def test_labels_are_the_tokens_and_those_of_the_context() -> None:
    layer = attended(a_run(*EXTRAS, cross=True))
    assert (layer.query_tokens, layer.key_tokens) == (TOKENS, CONTEXT)
