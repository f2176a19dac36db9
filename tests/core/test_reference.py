"""attend() against attention in plain loops."""

import numpy as np
import pytest

from attn_cli.core.attention import attend
from attn_cli.trace.stages import STAGES
from tests.core import reference
from tests.core.reference import Run
from tests.core.runs import (
    EXTRAS,
    MASKS,
    ON_HEADS,
    POSITIONS,
    TOKENS,
    a_run,
    arrays,
    attended,
    conditions_of,
    given_of,
    spec_of,
)

ALWAYS = ("X", "Q", "K", "V", "scores", "weights", "head_output", "output")


def check(run: Run, dtype: str = "float64") -> set[str]:
    """Compare each stage with the reference; returns the names of the stages."""
    expected = reference.stages(run)
    layer = attended(run, dtype=dtype)
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 3e-2}[dtype]
    for stage in layer.stages:
        if stage.name in expected:
            assert stage.array.dtype == dtype
            np.testing.assert_allclose(
                stage.array, expected[stage.name], rtol=tolerance, atol=tolerance, err_msg=stage.name
            )
    return {stage.name for stage in layer.stages}


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("mask", MASKS)
def test_every_mask_with_every_position_scheme_is_the_plain_loops(mask: str, positions: str) -> None:
    names = check(a_run(mask=mask, positions=positions))
    assert ("masked" in names) == (mask != "none")
    assert ("Q_rotated" in names) == ("K_rotated" in names) == positions.startswith("rope")
    assert ("embedded" in names) == (positions == "sinusoidal")
    assert ("biased" in names) == (positions == "alibi")


@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_every_extra_is_the_plain_loops(extra: str, cross: bool) -> None:
    names = check(a_run(extra, cross=cross))
    made = {"softcap": "softcapped", "sinks": "sink_weight", "bias": "biased", "hidden": "masked"}.get(
        extra.split(maxsplit=1)[0]
    )
    assert names - {"scaled", "embedded", "X_context"} == {*ALWAYS, *([made] if made else [])}


@pytest.mark.parametrize(("heads", "kv_heads"), [(1, 1), (6, 6), (6, 3), (6, 2), (6, 1)])
def test_heads_share_keys_and_values_as_the_plain_loops_do(heads: int, kv_heads: int) -> None:
    check(a_run("W_O", "biases", heads=heads, kv_heads=kv_heads, mask="causal"))


@pytest.mark.parametrize("heads", [3, 8, 12])
def test_alibi_is_the_papers_for_a_power_of_two_heads_and_for_others(heads: int) -> None:
    check(a_run(heads=heads, kv_heads=1, positions="alibi", mask="causal"))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_narrow_arithmetic_is_near_the_plain_loops(positions: str, dtype: str) -> None:
    check(a_run("softcap", "sinks", "bias", "W_O", positions=positions, mask="causal"), dtype)


@pytest.mark.parametrize("cross", [False, True], ids=["self", "cross"])
@pytest.mark.parametrize("positions", ["none", "alibi", "rope:style=interleaved,dim=2,attention_factor=1.5"])
@pytest.mark.parametrize("step", ON_HEADS)
def test_every_step_on_heads_is_the_plain_loops(step: str, positions: str, cross: bool) -> None:
    names = check(a_run(step, "ids", positions=positions, cross=cross, mask="causal"))
    assert {"Q_normed", "K_normed"} <= names or "norm" not in step
    assert ("Q_rotated" in names) == positions.startswith("rope")


@pytest.mark.parametrize("style", ["half", "interleaved"])
def test_frequencies_stand_in_place_of_the_base(style: str) -> None:
    run = a_run("frequencies", "ids", positions=f"rope:style={style},attention_factor=0.5")
    assert {"Q_rotated", "K_rotated"} <= check(run)
    check(run, "float32")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_norms_in_narrow_arithmetic_are_near_the_plain_loops(dtype: str) -> None:
    check(a_run("a norm for each", positions="rope", mask="causal"), dtype)
    check(a_run("a norm of all", "clip", "grows", positions="rope"), dtype)


def test_a_norm_after_rotation_is_the_form_that_keys_and_queries_meet_in() -> None:
    layer = attended(a_run("a norm after rotation", positions="rope"))
    names = [stage.name for stage in layer.stages]
    assert names.index("Q_rotated") < names.index("Q_normed")
    formulas = {stage.name: stage.formula for stage in layer.stages}
    assert formulas["Q_normed"].startswith("Q_normed = norm(Q_rotated)")
    assert formulas["scores"].startswith("scores = Q_normed · K_normedᵀ")


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("mask", [mask for mask in MASKS if mask != "causal:start"])
def test_the_last_queries_alone_weigh_as_they_do_among_all(mask: str, positions: str) -> None:
    run = a_run("softcap", "sinks", mask=mask, positions=positions)
    whole = attended(run)
    cached = {name: whole[name] for name in ("K", "V")} | {"Q": whole["Q"][:, -2:]}
    few = attend(TOKENS, cached, None, spec_of(run), extras=conditions_of(run))
    assert few.query_tokens == ("d", "e")
    assert few.key_tokens == TOKENS
    for name in ("scores", "weights", "sink_weight", "head_output"):
        np.testing.assert_allclose(few[name], whole[name][:, -2:], rtol=1e-13, atol=1e-15, err_msg=name)


def test_under_causal_start_the_first_queries_alone_weigh_as_they_do_among_all() -> None:
    run = a_run(mask="causal:start", positions="rope")
    whole = attended(run)
    cached = {name: whole[name] for name in ("K", "V")} | {"Q": whole["Q"][:, :2]}
    few = attend(TOKENS, cached, None, spec_of(run))
    assert few.query_tokens == ("a", "b")
    np.testing.assert_allclose(few["weights"], whole["weights"][:, :2], rtol=1e-13, atol=1e-15)


def test_stages_come_in_the_order_of_the_catalogue() -> None:
    run = a_run(*EXTRAS, mask="causal", positions="rope")
    names = [stage.name for stage in attended(run).stages]
    assert names == [name for name in STAGES if name in names]
    assert len(names) == 16


def test_the_layer_says_how_it_was_computed() -> None:
    layer = attended(a_run("softcap", cross=True, mask="sliding:3", positions="rope:dim=2"))
    found = layer.settings
    assert (found.mask, found.positions, found.softcap, found.dtype) == ("sliding:3", "rope:dim=2", 0.7, "float64")
    assert found.scale == 0.5
    assert (layer.heads, layer.kv_heads, layer.kind, layer.keys) == (6, 3, "cross", "context_tokens")
    assert layer.head_index == (0, 1, 2, 3, 4, 5)
    assert layer.kv_head_index == (0, 1, 2)


def test_formulas_name_what_was_added_to_the_embeddings() -> None:
    run = a_run("position_embeddings", positions="sinusoidal")
    formulas = {stage.name: stage.formula for stage in attended(run).stages}
    assert formulas["X"] == "X = embedded + sin, cos of position + position_embeddings   5×11"


def test_a_run_without_a_mask_hides_nothing_and_takes_no_such_step() -> None:
    run = a_run(mask="local:5")
    assert "masked" not in arrays(attended(run))
    assert set(given_of(run)) == {"embedded"}
