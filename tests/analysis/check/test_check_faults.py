"""Each fault, planted into a sound dump: the sound one passes, the other is named, once and alone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.check.check import CheckReport, check
from attn_cli.analysis.check.reading import read_dump
from attn_cli.core.attention import attend
from attn_cli.core.masks import Causal
from attn_cli.core.spec import Spec
from attn_cli.trace.files.codec import trace_to_json
from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.trace import Array, Trace

DTYPES = ("float64", "float32", "float16")
HEADS = ((1, 1), (4, 4), (4, 2))
WIDTH, VALUES, TOKENS = 8, 5, 7
ROOT = WIDTH**-0.5
Stages = dict[str, Array]
ALL = ("Q", "K", "V", "scores", "scaled", "masked", "weights", "head_output", "output")
OUTER = ("Q", "K", "V", "weights", "head_output")


def softmax(scores: Array, axis: int = -1) -> Array:
    peak = scores.max(axis=axis, keepdims=True)
    exponentials = np.exp(scores - np.where(np.isneginf(peak), 0, peak))
    total = exponentials.sum(axis=axis, keepdims=True)
    return np.asarray(exponentials / np.where(total == 0, 1, total))


def hide(scores: Array, seen: Array) -> Array:
    return np.where(seen, scores, np.asarray(-np.inf, scores.dtype))


def causal(queries: int = TOKENS, shift: int = 0) -> Array:
    """True where a query may look."""
    return np.tri(queries, TOKENS, TOKENS - queries + shift, dtype=bool)


class Plan:
    """Attention in plain steps, any of which a test may do wrong."""

    def __init__(self, heads: int, groups: int, dtype: str, queries: int = TOKENS) -> None:
        rng = np.random.default_rng(heads * 10 + groups)
        self.heads, self.groups, self.dtype, self.queries = heads, groups, dtype, queries
        self.q = rng.normal(size=(heads, queries, WIDTH)).astype(dtype) * 2
        self.k = rng.normal(size=(groups, TOKENS, WIDTH)).astype(dtype)
        self.v = rng.normal(size=(groups, TOKENS, VALUES)).astype(dtype)
        self.seen = causal(queries)

    def shared(self, x: Array) -> Array:
        return x.repeat(self.heads // self.groups, axis=0)

    def product(self) -> Array:
        return np.asarray(self.q @ self.shared(self.k).swapaxes(1, 2))

    def scale(self, scores: Array) -> Array:
        return scaled_by(ROOT, scores)

    def mask(self, scores: Array) -> Array:
        return hide(scores, self.seen)

    def weigh(self, stages: Stages) -> Array:
        return softmax(stages["masked"])

    def blend(self, weights: Array) -> Array:
        return np.asarray(weights @ self.shared(self.v))

    def join(self, blended: Array) -> Array:
        return blended.swapaxes(0, 1).reshape(self.queries, -1)

    @np.errstate(all="ignore")
    def stages(self) -> Stages:
        stages = {"Q": self.q, "K": self.k, "V": self.v, "scores": self.product()}
        stages["scaled"] = self.scale(stages["scores"])
        stages["masked"] = self.mask(stages["scaled"])
        stages["weights"] = self.weigh(stages).astype(self.dtype)
        stages["head_output"] = self.blend(stages["weights"])
        stages["output"] = self.join(stages["head_output"])
        return stages


def scaled_by(factor: float, scores: Array) -> Array:
    return np.asarray(scores * np.asarray(factor, scores.dtype))


def dumped(stages: Stages, names: tuple[str, ...], settings: Mapping[str, Any]) -> bytes:
    """A dump as a training loop writes it."""
    arrays = {f"layers.0.{name}": stages[name] for name in names}
    return write_npz(arrays | {f"layers.0.{key}": np.array(value) for key, value in settings.items()})


def report(plan: Plan, names: tuple[str, ...], **settings: Any) -> CheckReport:
    whole = {"mask": "causal", "heads": plan.heads, "kv_heads": plan.groups} | settings
    return check(read_dump(dumped(plan.stages(), names, whole), "dump.npz"))


def changed(plan: Plan, **methods: Callable[..., Array]) -> Plan:
    for name, method in methods.items():
        assert hasattr(plan, name)
        setattr(plan, name, method)
    return plan


def faults(found: CheckReport) -> list[tuple[str, str]]:
    return [(f.code, f.worst.stage) for f in found.findings if f.severity == "fault"]


def reshaped(plan: Plan) -> Array:
    return np.asarray(plan.q @ plan.shared(plan.k).reshape(plan.heads, WIDTH, TOKENS))


Plant = Callable[[Plan], Plan]
# What is planted, the code it must be named with, and the stage that shows it where all are stored.
FAULTS: dict[str, tuple[Plant, str, str]] = {
    "no √d": (lambda p: changed(p, scale=lambda s: s), "scale-missing", "scaled"),
    "÷ d": (lambda p: changed(p, scale=lambda s: scaled_by(1 / WIDTH, s)), "scale-doubled", "scaled"),
    "√ of tokens": (
        lambda p: changed(p, scale=lambda s: scaled_by(TOKENS**-0.5, s)),
        "scale-wrong-width",
        "scaled",
    ),
    "a temperature": (lambda p: changed(p, scale=lambda s: scaled_by(0.2, s)), "scale-wrong", "scaled"),
    "softmax of scores that are not scaled": (
        lambda p: changed(p, weigh=lambda s: softmax(p.mask(s["scores"]))),
        "scale-missing",
        "weights",
    ),
    "K reshaped": (lambda p: changed(p, product=lambda: reshaped(p)), "keys-reshaped", "scores"),
    "K · Qᵀ": (
        lambda p: changed(p, product=lambda: p.shared(p.k) @ p.q.swapaxes(1, 2)),
        "scores-transposed",
        "scores",
    ),
    "no mask": (lambda p: changed(p, mask=lambda s: s), "mask-missing", "masked"),
    "weights without the mask": (
        lambda p: changed(p, weigh=lambda s: softmax(s["scaled"])),
        "mask-missing",
        "weights",
    ),
    "one key too many": (lambda p: changed(p, mask=lambda s: hide(s, causal(shift=1))), "mask-off-by-one", "masked"),
    "one key too few": (lambda p: changed(p, mask=lambda s: hide(s, causal(shift=-1))), "mask-off-by-one", "masked"),
    "the mask inverted": (lambda p: changed(p, mask=lambda s: hide(s, ~p.seen)), "mask-inverted", "masked"),
    "the mask transposed": (lambda p: changed(p, mask=lambda s: hide(s, p.seen.T)), "mask-transposed", "masked"),
    "the mask after softmax": (
        lambda p: changed(p, weigh=lambda s: np.where(p.seen, softmax(s["scaled"]), 0)),
        "mask-after-softmax",
        "weights",
    ),
    "an additive mask after softmax": (
        lambda p: changed(p, weigh=lambda s: softmax(s["scaled"]) + np.where(p.seen, 0, -1e4)),
        "mask-added-after-softmax",
        "weights",
    ),
    "−∞ added after softmax": (
        lambda p: changed(p, weigh=lambda s: softmax(s["scaled"]) + np.where(p.seen, 0, -np.inf)),
        "mask-added-after-softmax",
        "weights",
    ),
    "softmax over queries": (
        lambda p: changed(p, weigh=lambda s: softmax(s["masked"], axis=1)),
        "softmax-over-queries",
        "weights",
    ),
    "a row too small": (
        lambda p: changed(p, weigh=lambda s: softmax(s["masked"]) * np.where(np.arange(TOKENS) == 3, 0.8, 1)[:, None]),
        "rows-not-1",
        "weights",
    ),
    "exponentials not divided": (
        lambda p: changed(p, weigh=lambda s: np.exp(s["masked"])),
        "weight-above-1",
        "weights",
    ),
    "scores for weights": (
        lambda p: changed(p, weigh=lambda s: np.where(p.seen, s["scaled"], 0)),
        "negative-weight",
        "weights",
    ),
    "a row that weighs nothing": (
        lambda p: changed(p, weigh=lambda s: softmax(s["masked"]) * (np.arange(TOKENS) != 2)[:, None]),
        "row-hidden",
        "weights",
    ),
    "other weights": (
        lambda p: changed(p, weigh=lambda s: softmax(p.mask(s["scaled"] ** 3))),
        "does-not-follow",
        "weights",
    ),
    "V blended with transposed weights": (
        lambda p: changed(p, blend=lambda w: w.swapaxes(1, 2) @ p.shared(p.v)),
        "weights-transposed",
        "head_output",
    ),
}
FROM_WEIGHTS = {
    "no mask": "future-attended",
    "one key too many": "mask-off-by-one",
    "one key too few": "row-hidden",
    "the mask inverted": "mask-inverted",
    "the mask transposed": "mask-transposed",
    "the mask after softmax": "mask-after-softmax",
    "an additive mask after softmax": "mask-added-after-softmax",
    "−∞ added after softmax": "mask-added-after-softmax",
    "softmax over queries": "softmax-over-queries",
    "a row too small": "rows-not-1",
    "exponentials not divided": "weight-above-1",
    "scores for weights": "negative-weight",
    "a row that weighs nothing": "row-hidden",
}
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
each_grouping = pytest.mark.parametrize(("heads", "groups"), HEADS)


@each_dtype
@each_grouping
@pytest.mark.parametrize("names", [ALL, OUTER, ("weights",), ("scores", "weights"), ("masked", "weights")])
def test_the_sound_dump_passes(dtype: str, heads: int, groups: int, names: tuple[str, ...]) -> None:
    found = report(Plan(heads, groups, dtype), names, scale=ROOT)
    assert found.findings == ()


@each_dtype
@each_grouping
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_where_it_begins(fault: str, heads: int, groups: int, dtype: str) -> None:
    plant, code, stage = FAULTS[fault]
    found = report(plant(Plan(heads, groups, dtype)), ALL)
    assert faults(found) == [(code, stage)]
    assert list(found.findings[0].heads.values()) == [tuple(range(heads))]


@each_dtype
@each_grouping
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_from_queries_keys_and_weights(
    fault: str, heads: int, groups: int, dtype: str
) -> None:
    plant, code, stage = FAULTS[fault]
    seen = stage if stage == "head_output" else "weights"
    assert faults(report(plant(Plan(heads, groups, dtype)), OUTER)) == [(code, seen)]


def as_trace(plan: Plan) -> bytes:
    """The planted arrays in the place of those of attn's own trace, formulas and all."""
    tokens = tuple(map(str, range(TOKENS)))
    given = {"Q": plan.q, "K": plan.k, "V": plan.v}
    layer = attend(tokens, given, None, Spec(plan.heads, plan.groups, mask=Causal(), dtype=plan.dtype))
    planted = plan.stages()
    stages = tuple(replace(stage, array=planted[stage.name].astype(plan.dtype)) for stage in layer.stages)
    return trace_to_json(Trace(tokens, (replace(layer, stages=stages),), {"kind": "arrays"}))


def as_document(plan: Plan) -> bytes:
    """Arrays with their settings, as somebody writes them who never saw a trace."""
    stages = plan.stages()
    document: dict[str, Any] = {name: stages[name].tolist() for name in OUTER}
    return json.dumps(document | {"mask": "causal", "dtype": plan.dtype}).encode()


@each_dtype
@pytest.mark.parametrize("form", [as_trace, as_document])
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_a_planted_fault_is_named_whatever_holds_it(
    fault: str | None, form: Callable[[Plan], bytes], dtype: str
) -> None:
    plant, code, stage = FAULTS[fault] if fault else (lambda plan: plan, "", "")
    found = check(read_dump(form(plant(Plan(4, 2, dtype))), "dump.json"))
    seen = stage if form is as_trace or stage == "head_output" else "weights"
    assert faults(found) == ([(code, seen)] if fault else [])


@each_dtype
@pytest.mark.parametrize("fault", FROM_WEIGHTS)
def test_a_planted_fault_is_named_from_weights_alone(fault: str, dtype: str) -> None:
    found = report(FAULTS[fault][0](Plan(4, 2, dtype)), ("weights",))
    assert faults(found) == [(FROM_WEIGHTS[fault], "weights")]


@each_dtype
@pytest.mark.parametrize(("names", "stage"), [(ALL, "scores"), (OUTER, "weights")])
def test_tiled_heads_are_those_that_look_through_the_wrong_key_head(
    names: tuple[str, ...], stage: str, dtype: str
) -> None:
    plan = Plan(6, 2, dtype)
    tiled = changed(plan, product=lambda: plan.q @ np.tile(plan.k, (3, 1, 1)).swapaxes(1, 2))
    found = report(tiled, names)
    assert faults(found) == [("heads-tiled", stage)]
    # Of 6 heads over 2 key heads 0 0 0 1 1 1 is right, 0 1 0 1 0 1 is tiled.
    assert found.findings[0].heads == {"layers.0": (1, 4)}


def test_values_are_tiled_too() -> None:
    plan = Plan(4, 2, "float32")
    tiled = changed(plan, blend=lambda w: w @ np.tile(plan.v, (2, 1, 1)))
    assert faults(report(tiled, ALL)) == [("heads-tiled", "head_output")]


@pytest.mark.parametrize("names", [ALL, OUTER, ("weights",)])
def test_softmax_over_heads(names: tuple[str, ...]) -> None:
    plan = Plan(3, 3, "float32")
    wrong = changed(plan, weigh=lambda s: softmax(s["masked"], axis=0))
    assert faults(report(wrong, names)) == [("softmax-over-heads", "weights")]


@pytest.mark.parametrize("names", [ALL, OUTER, ("weights",)])
def test_softmax_over_the_whole_matrix(names: tuple[str, ...]) -> None:
    plan = Plan(2, 2, "float64")
    wrong = changed(plan, weigh=lambda s: softmax(s["masked"].reshape(2, -1)).reshape(2, TOKENS, TOKENS))
    assert faults(report(wrong, names)) == [("softmax-over-all", "weights")]


def test_heads_that_are_joined_by_reshaping() -> None:
    plan = changed(Plan(4, 2, "float32"), join=lambda b: b.reshape(TOKENS, -1))
    assert faults(report(plan, ALL)) == [("heads-joined-wrong", "output")]


@pytest.mark.parametrize("names", [ALL, OUTER])
def test_a_causal_mask_in_the_upper_left_corner(names: tuple[str, ...]) -> None:
    plan = Plan(2, 1, "float32", queries=3)
    assert report(plan, names).findings == ()
    plan.seen = np.tri(3, TOKENS, dtype=bool)
    found = report(plan, names)
    assert [code for code, _ in faults(found)] == ["mask-aligned-wrong"]
    assert "acts as causal:start" in found.findings[0].what


def test_two_faults_at_once_are_both_named() -> None:
    plan = changed(Plan(3, 3, "float64"), weigh=lambda s: softmax(s["scores"]))
    assert sorted(faults(report(plan, OUTER))) == [("mask-missing", "weights"), ("scale-missing", "weights")]


def test_only_the_heads_that_have_a_fault_are_named() -> None:
    plan = Plan(4, 4, "float32")
    only = np.array([False, True, False, True])[:, None, None]
    wrong = changed(plan, weigh=lambda s: np.where(only, softmax(s["scaled"]), softmax(s["masked"])))
    assert report(wrong, ALL).findings[0].heads == {"layers.0": (1, 3)}


def test_the_worst_place_of_a_leak_is_named_by_its_tokens() -> None:
    plan = Plan(1, 1, "float64")
    weights = plan.stages()["weights"].copy()
    weights[0, 2, [0, 5]] = weights[0, 2, [5, 0]]
    arrays = {"layers.0.weights": weights, "layers.0.mask": np.array("causal"), "tokens": np.array(list("abcdefg"))}
    finding = check(read_dump(write_npz(arrays), "dump.npz")).findings[0]
    assert (finding.code, finding.worst.row_token, finding.worst.column_token) == ("future-attended", "c", "f")


def test_scores_that_are_stored_scaled_are_only_remarked_on() -> None:
    plan = Plan(2, 2, "float32")
    stages = plan.stages()
    stages["scores"] = stages["scaled"]
    found = check(read_dump(dumped(stages, ("Q", "K", "V", "scores", "masked", "weights"), {"mask": "causal"}), "d"))
    assert [(f.severity, f.code) for f in found.findings] == [("remark", "scores-already-scaled")]


def test_a_float16_overflow_is_named_where_it_begins_and_not_again() -> None:
    plan = Plan(2, 2, "float16")
    plan.q, plan.k = (np.asarray(x * 200, np.float16) for x in (plan.q, plan.k))
    with np.errstate(all="ignore"):
        assert faults(report(plan, ALL)) == [("float16-overflow", "scores")]
        assert faults(report(plan, OUTER)) == [("float16-overflow", "weights")]


def test_a_row_without_keys_that_became_nan() -> None:
    plan = Plan(2, 2, "float32")
    plan.seen = plan.seen & (np.arange(TOKENS) != 0)
    with np.errstate(all="ignore"):
        plan = changed(plan, weigh=lambda s: np.exp(s["masked"]) / np.exp(s["masked"]).sum(axis=2, keepdims=True))
        assert ("hidden-row-nan", "weights") in faults(report(plan, ALL))


def test_nan_that_nothing_explains_is_a_fault_of_its_stage() -> None:
    plan = Plan(2, 2, "float64")
    plan.v[1, 3, 2] = np.nan
    found = report(plan, ALL)
    assert faults(found) == [("not-a-number", "V")]
    assert found.findings[0].heads == {"layers.0": (1,)}
