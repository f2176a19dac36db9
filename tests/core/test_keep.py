"""What is kept makes no difference to what it is: whatever is left out, and however the work is cut into blocks."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attn_cli.core import scoring, threads
from attn_cli.trace.stages import PARTS
from tests.core.runs import EXTRAS, a_run, arrays, attended

RUN = a_run(*EXTRAS, mask="causal", positions="rope")
NAMES = tuple(arrays(attended(RUN)))
BLOCKS = {"one block": 2**18, "some heads a block": 50, "one head a block": 25, "bands of rows": 24}


@pytest.fixture(params=BLOCKS.values(), ids=list(BLOCKS))
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of every kind, on threads where there is more than one."""
    monkeypatch.setattr(scoring, "CELLS", request.param)
    monkeypatch.setattr(scoring, "THREADED", 1)
    monkeypatch.setattr(threads, "cores", lambda: 3)
    monkeypatch.setattr(scoring, "BAND", (2, 2))


def test_the_blocks_of_these_tests_are_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for cells in BLOCKS.values():
        monkeypatch.setattr(scoring, "CELLS", cells)
        monkeypatch.setattr(scoring, "BAND", (2, 2))
        counts.append(len(list(scoring._blocks((6, 5, 5), 1))))
    assert counts == [1, 3, 6, 18]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.sets(st.sampled_from([*NAMES, "Q_normed", "residual"])))
def test_any_stages_that_are_kept_have_the_same_bits_and_nothing_else_is_kept(cut: None, keep: set[str]) -> None:
    whole, kept = arrays(attended(RUN)), arrays(attended(RUN, keep=keep))
    assert set(kept) == keep & set(NAMES)
    for name, array in kept.items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_kept_alone_has_the_same_bits(cut: None, name: str) -> None:
    kept = arrays(attended(RUN, keep={name}))
    assert set(kept) == {name}
    np.testing.assert_array_equal(kept[name], attended(RUN)[name])


@pytest.mark.parametrize("start", ["scores", "scaled", "softcapped", "biased", "masked", "weights"])
@pytest.mark.parametrize("keep", ["weights", "sink_weight", "head_output", "masked"])
def test_a_run_that_starts_later_keeps_the_same_bits(cut: None, start: str, keep: str) -> None:
    run = a_run("scale", "sinks", "softcap", "bias per head", mask="sliding:2")
    whole, given_ = arrays(attended(run)), {"V": attended(run)["V"]}
    kept = arrays(attended(run, given_ | {start: whole[start]}, keep={keep}))
    ends = {"weights": {"sink_weight", "masked"}}.get(start, set())
    assert set(kept) == {keep} - ends
    for name, array in kept.items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)


def test_parts_are_kept_without_the_scores_that_they_are_told_from() -> None:
    run = a_run("softcap", "bias", positions="rope")
    every = arrays(attended(run, keep={*NAMES, *PARTS}))
    assert set(PARTS) <= set(every)
    kept = arrays(attended(run, keep={"position"}))
    assert set(kept) == {"position"}
    np.testing.assert_array_equal(kept["position"], every["position"])


def test_parts_are_made_only_when_they_are_asked_for() -> None:
    assert not set(PARTS) & set(NAMES)


def test_bands_of_rows_of_the_real_size_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from attn_cli.core.attention import attend
    from attn_cli.core.spec import Spec, parse_mask

    rng = np.random.default_rng(0)
    given_ = {name: rng.normal(size=(2, 211, 3)) for name in "QKV"}
    spec = Spec(heads=2, mask=parse_mask("sliding:97"))
    tokens = [str(i) for i in range(211)]
    whole = attend(tokens, given_, None, spec)
    monkeypatch.setattr(scoring, "CELLS", 211 * 60)
    monkeypatch.setattr(scoring, "THREADED", 211 * 211)
    assert len(list(scoring._blocks((2, 211, 211), 2))) >= 4
    banded = attend(tokens, given_, None, spec)
    for name, array in arrays(whole).items():
        np.testing.assert_allclose(banded[name], array, rtol=1e-13, atol=1e-15, err_msg=name)
