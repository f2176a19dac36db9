"""A score split by cause adds up to the score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.core.attention import Projections, attend
from attn_cli.core.spec import Spec, parse_positions
from attn_cli.errors import SpecError
from attn_cli.trace.stages import PARTS, STAGES
from tests.core.runs import EXTRAS, POSITIONS, TOKENS, a_run, arrays, attended

TOTALS = ("biased", "softcapped", "scaled", "scores")
EVERY = set(STAGES)


@settings(max_examples=100)
@given(
    extras=st.lists(st.sampled_from(EXTRAS), unique=True),
    positions=st.sampled_from(POSITIONS),
    cross=st.booleans(),
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["float64", "float32"]),
)
def test_parts_add_up_to_the_score_within_4_ulp(
    extras: list[str], positions: str, cross: bool, seed: int, dtype: str
) -> None:
    layer = attended(a_run(*extras, positions=positions, cross=cross, seed=seed), keep=EVERY, dtype=dtype)
    made = arrays(layer)
    total = next(made[name] for name in TOTALS if name in made)
    parts = [made[name] for name in PARTS if name in made]
    largest = np.max(np.abs([total, *parts]), axis=0)
    assert (np.abs(sum(parts) - total) <= 4 * np.spacing(largest)).all()


def test_without_positions_content_is_the_score_itself() -> None:
    layer = attended(a_run("bias", "softcap"), keep=EVERY)
    assert [stage.name for stage in layer.stages if stage.name in PARTS] == ["content", "capping", "bias"]
    np.testing.assert_array_equal(layer["content"], layer["scaled"])
    np.testing.assert_allclose(layer["capping"], layer["softcapped"] - layer["scaled"], atol=1e-14)
    np.testing.assert_allclose(layer["bias"], layer["biased"] - layer["softcapped"], atol=1e-14)


@pytest.mark.parametrize("positions", POSITIONS[1:])
def test_content_is_what_the_score_would_be_without_positions(positions: str) -> None:
    layer = attended(a_run(positions=positions), keep=EVERY)
    plain = attended(a_run())
    np.testing.assert_allclose(layer["content"], plain["scaled"], rtol=1e-13, atol=1e-14)
    assert abs(layer["position"]).max() > 0.1


def test_alibi_and_a_mask_of_numbers_are_told_apart() -> None:
    run = a_run("bias per head", positions="alibi")
    layer = attended(run, keep=EVERY)
    assert run.bias is not None
    np.testing.assert_allclose(layer["bias"], run.bias, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer["position"][0, 0], -np.arange(5) / 4, rtol=1e-12, atol=1e-13)


def test_a_biased_score_alone_cannot_be_split() -> None:
    spec = Spec(positions=parse_positions("alibi"))
    layer = attend(["a", "b"], {"biased": np.ones((1, 2, 2))}, None, spec, keep=PARTS)
    assert layer.stages == ()


def test_stored_queries_that_the_projections_cannot_have_made_are_not_split() -> None:
    run = a_run(positions="sinusoidal")
    with pytest.raises(SpecError, match="W_Q does not fit Q: Q is 6×5×3, embedded · W_Q is 5×24"):
        attend(
            TOKENS,
            {"embedded": run.X, "Q": np.ones((6, 5, 3)), "K": np.ones((3, 5, 3))},
            Projections(run.W_Q, run.W_K, run.W_V),
            Spec(heads=6, kv_heads=3, positions=parse_positions("sinusoidal")),
            keep=PARTS,
        )
