"""Dumps as training loops and traces hold them: several layers, some heads, formulas, arrays by path."""

from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.reading import read_dump
from attn_cli.trace.files.npz import write_npz
from tests.analysis.check.mistakes import MISTAKES
from tests.analysis.check.plain import ALL, OUTER, WEIGHTS, Plain, causal, hide, softmax, with_steps

FROM_WEIGHTS = {
    "mask forgotten": "future-attended",
    "one key too many": "future-attended",
    "mask inverted": "future-attended",
    "mask after softmax": "mask-after-softmax",
    "−10000 added after softmax": "mask-added-after-softmax",
    "softmax over queries, causal": "softmax-over-queries",
    "softmax over heads, causal": "softmax-over-heads",
    "weights transposed": "weights-transposed",
    "exponentials alone": "weight-above-1",
    "dropout 0.25": "dropout",
    "log-softmax": "log-weights",
}


def found(data: bytes) -> CheckReport:
    return check(read_dump(data, "dump.npz"))


def faults(report: CheckReport) -> list[tuple[str, str]]:
    return [(f.code, f.worst.stage) for f in report.findings if f.severity == "fault"]


@pytest.mark.parametrize("store", [WEIGHTS, OUTER, ALL])
@pytest.mark.parametrize(
    "name", ["mask forgotten", "scale forgotten", "groups tiled", "softmax over queries", "K reshaped"]
)
def test_a_mistake_is_named_in_arrays_by_path(name: str, store: tuple[str, ...]) -> None:
    (mistake,) = (mistake for mistake in MISTAKES if mistake.name == name)
    assert [code for code, _ in faults(found(mistake.make().layered(*store)))] == [mistake.code]


@pytest.mark.parametrize("name", FROM_WEIGHTS)
def test_weights_alone_show_what_they_can(name: str) -> None:
    (mistake,) = (mistake for mistake in MISTAKES if mistake.name == name)
    report = found(mistake.make(seed=3).document("weights"))
    assert {code for code, _ in faults(report)} == {FROM_WEIGHTS[name]}


def test_weights_alone_without_a_fault_are_nothing_to_check() -> None:
    report = found(Plain(mask="causal").document("weights"))
    assert (report.verdict, report.compared, report.findings) == ("nothing to check", (), ())


def test_queries_keys_and_values_alone_are_nothing_to_check() -> None:
    report = found(Plain(mask="causal").document("Q", "K", "V"))
    assert (report.verdict, report.compared) == ("nothing to check", ())


def test_each_fault_is_named_where_it_begins_and_not_again() -> None:
    plain = with_steps(Plain(mask="causal"), scale=lambda s: s)
    assert faults(found(plain.document(*ALL))) == [("scale-missing", "scaled")]
    plain = with_steps(Plain(mask="causal"), mask=lambda s: s)
    assert faults(found(plain.document(*ALL))) == [("mask-missing", "masked")]


def test_only_the_heads_that_have_a_fault_are_named() -> None:
    plain = Plain(heads=5, mask="causal")
    only = np.array([False, True, False, True, False])[:, None, None]
    plain.weigh_all = lambda s: np.where(only, softmax(s["scaled"]), softmax(s["masked"]))  # type: ignore[method-assign]
    for store in (WEIGHTS, ALL):
        (finding,) = found(plain.document(*store)).findings
        assert (finding.code, finding.heads) == ("mask-missing", {"layers.0": (1, 3)})


def test_tiled_heads_are_those_that_look_through_the_wrong_key_head() -> None:
    plain = Plain(heads=6, groups=2)
    plain.share = lambda x: np.tile(x, (3, 1, 1))  # type: ignore[method-assign]
    (finding,) = found(plain.document(*WEIGHTS)).findings
    # Of 6 heads over 2 key heads 0 0 0 1 1 1 is right, 0 1 0 1 0 1 is tiled.
    assert (finding.code, finding.heads) == ("heads-tiled", {"layers.0": (1, 4)})


def test_layers_with_the_same_fault_are_one_finding_with_the_worst_place() -> None:
    arrays: dict[str, Any] = {}
    for layer in range(3):
        weights = np.full((2, 4, 4), 0.25)
        weights[:, layer] *= 1 - 0.1 * (layer + 1)
        arrays[f"layers.{layer}.weights"] = weights
    (finding,) = found(write_npz(arrays)).findings
    assert finding.heads == {f"layers.{layer}": (0, 1) for layer in range(3)}
    assert (finding.code, finding.worst.layer, finding.worst.row) == ("rows-not-1", "layers.2", 2)


def test_a_mask_that_only_the_masked_stage_shows_is_taken_from_it() -> None:
    plain = Plain()
    seen = np.random.default_rng(2).random((3, 7, 7)) < 0.7
    seen |= np.eye(7, dtype=bool)
    plain.mask = lambda s: hide(s, seen)  # type: ignore[method-assign]
    assert found(plain.layered(*ALL)).findings == ()
    plain.weigh_all = lambda s: softmax(s["scaled"])  # type: ignore[method-assign]
    assert faults(found(plain.layered(*ALL))) == [("mask-missing", "weights")]


def test_the_worst_place_of_a_leak_is_named_by_its_tokens() -> None:
    weights = Plain(heads=1, mask="causal", seed=1).stages()["weights"].copy()
    weights[0, 2, [0, 5]] = weights[0, 2, [5, 0]]
    arrays = {"weights": weights, "mask": np.array("causal"), "tokens": np.array(list("abcdefg"))}
    finding = found(write_npz(arrays)).findings[0]
    assert (finding.code, finding.worst.row_token, finding.worst.column_token) == ("future-attended", "c", "f")


def test_scores_that_are_stored_scaled_are_only_remarked_on() -> None:
    plain = Plain(mask="causal")
    stages = plain.stages()
    plain.stored = lambda name, x: stages["scaled"] if name == "scores" else x  # type: ignore[method-assign]
    report = found(plain.layered("Q", "K", "V", "scores", "masked", "weights"))
    assert [(f.severity, f.code) for f in report.findings] == [("remark", "scores-already-scaled")]


def test_a_float16_overflow_is_named_where_it_begins_and_not_again() -> None:
    q, k = (np.asarray(np.random.default_rng(seed).normal(size=(2, 7, 8)) * 250, np.float16) for seed in (1, 2))
    with np.errstate(all="ignore"):
        scores = q @ k.swapaxes(1, 2)
        scaled = scores * np.float16(8**-0.5)
        weights = softmax(np.where(causal(7, 7), scaled, np.float16(-np.inf)))
    arrays = {"Q": q, "K": k, "scores": scores, "scaled": scaled, "weights": weights, "mask": np.array("causal")}
    assert faults(found(write_npz(arrays))) == [("float16-overflow", "scores")]
    del arrays["scores"], arrays["scaled"]
    assert faults(found(write_npz(arrays))) == [("float16-overflow", "weights")]


@pytest.mark.parametrize("stage", ["weights", "head_output"])
def test_a_row_without_keys_that_became_nan(stage: str) -> None:
    seen = np.ones((7, 7), dtype=bool)
    seen[:2] = False
    plain = Plain(attn_mask=seen)
    plain.weigh = lambda s: np.exp(s) / np.exp(s).sum(axis=2, keepdims=True)  # type: ignore[method-assign]
    store = ("Q", "K", "V", stage)
    assert [code for code, _ in faults(found(plain.document(*store)))] == ["hidden-row-nan"]


def test_nan_in_hidden_cells_alone_is_only_remarked_on() -> None:
    plain = Plain(mask="causal")
    plain.stored = lambda n, x: np.where(causal(7, 7), x, np.nan) if n == "weights" else x  # type: ignore[method-assign]
    report = found(plain.document(*WEIGHTS))
    assert [(f.severity, f.code) for f in report.findings] == [("remark", "hidden-cells-nan")]


def test_nan_that_nothing_explains_is_a_fault_of_its_stage() -> None:
    plain = Plain()
    arrays = plain.arrays(ALL)
    arrays["V"] = arrays["V"].copy()
    arrays["V"][1, 3, 2] = np.nan
    (finding,) = found(write_npz(arrays)).findings
    assert (finding.code, finding.worst.stage, finding.heads) == ("not-a-number", "V", {"layers.0": (1,)})


def test_two_faults_in_different_stages_are_both_named() -> None:
    plain = with_steps(Plain(mask="causal"), scale=lambda s: s, mask=lambda s: s)
    assert {code for code, _ in faults(found(plain.document(*ALL)))} == {"scale-missing", "mask-missing"}
