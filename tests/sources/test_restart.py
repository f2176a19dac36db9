"""A trace under other settings is what the same run under those settings makes, or the change is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attn_cli.core.attention import attend
from attn_cli.core.spec import Spec, parse_positions
from attn_cli.errors import AttnError, UsageError
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.sources.restart import restart
from attn_cli.trace.files.codec import trace_to_npz, trace_to_safetensors
from attn_cli.trace.trace import Trace
from tests.sources.documents.files import D_MODEL, TOKENS, a_document, as_json, numbers, same, trace_of
from tests.trace.traces import through_json, through_npz, through_safetensors

OPTIONS: list[dict[str, Any]] = [
    {"mask": "causal"},
    {"mask": "none"},
    {"mask": "local:2", "softcap": "0.5"},
    {"positions": "rope"},
    {"positions": "alibi"},
    {"positions": "none"},
    {"scale": "0.25"},
    {"scale": "none", "mask": "prefix:2"},
    {"softcap": "0.5"},
    {"softcap": "none"},
    {"dtype": "float32"},
    {"dtype": "float16", "mask": "sliding:2", "positions": "rope:50", "scale": "2"},
]
RUNS: list[dict[str, Any]] = [
    {},
    {"mask": "sliding:2"},
    {"positions": "rope:50"},
    {"positions": "alibi", "mask": "causal"},
    {"softcap": "2", "scale": "0.75"},
    {"heads": 6, "kv_heads": 2, "dim": 12, "positions": "rope", "mask": "causal"},
    {"heads": 6, "kv_heads": 2, "dim": 12, "positions": "alibi", "softcap": "3"},
    {"context": "le chat", "mask": "causal"},
    {"context": "le chat", "positions": "rope"},
    {"dtype": "float32", "positions": "alibi"},
]
text = "the cat sat on mats"


@pytest.mark.parametrize("change", OPTIONS, ids=str)
@pytest.mark.parametrize("options", RUNS, ids=str)
def test_a_restarted_trace_is_the_run_under_those_settings(options: dict[str, Any], change: dict[str, Any]) -> None:
    first = run(Request(text=text, **options))
    fresh = run(Request(text=text, **options | change))
    again = restart(first, Request(**change).overrides())
    if "dtype" in change:
        # A stored stage is rounded, where a fresh run computes it in the narrow dtype.
        for stage in fresh.layers[0].stages:
            found = again.layers[0][stage.name]
            assert found.dtype == fresh.layers[0].settings.dtype
            with np.errstate(invalid="ignore"):
                np.testing.assert_allclose(found, stage.array, rtol=0.05, atol=0.05)
        assert again.layers[0].settings == fresh.layers[0].settings
        return
    same(again.layers[0], fresh.layers[0])
    assert again.notes == fresh.notes


@pytest.mark.parametrize("through", [through_json, through_npz, through_safetensors])
@pytest.mark.parametrize("heads", ["0", "1,4", "2-3", "-1"])
@pytest.mark.parametrize("change", [{"mask": "causal"}, {"positions": "rope:50"}, {"scale": "0.5"}, {"softcap": "1"}])
def test_a_trace_of_some_heads_restarts_like_the_whole(through: Any, heads: str, change: dict[str, Any]) -> None:
    grouped: dict[str, Any] = {"heads": 6, "kv_heads": 2, "dim": 12, "positions": "rope"}
    some = through(run(Request(text=text, **grouped), heads=heads))
    again = restart(some, Request(**change).overrides())
    fresh = run(Request(text=text, **grouped | change), heads=heads)
    same(again.layers[0], fresh.layers[0], leave_out=("output",))
    assert again.layers[0].head_index == fresh.layers[0].head_index
    assert again.layers[0].kv_head_index == fresh.layers[0].kv_head_index
    assert again.notes[-1] == "output is left out: the trace does not contain all its inputs"


def test_some_heads_alone_do_not_know_the_slopes_of_all() -> None:
    options: dict[str, Any] = {"heads": 6, "dim": 12}
    changes: list[tuple[str, dict[str, Any]]] = [("alibi", {"scale": "2"}), ("none", {"positions": "alibi"})]
    for before, change in changes:
        some = run(Request(text=text, positions=before, **options), heads="1")
        with pytest.raises(UsageError, match="all heads, which ALiBi needs"):
            restart(some, Request(**change).overrides())
    some = run(Request(text=text, positions="alibi", **options), heads="1,3")
    fresh = run(Request(text=text, positions="alibi", mask="causal", **options), heads="1,3")
    same(restart(some, Request(mask="causal").overrides()).layers[0], fresh.layers[0], leave_out=("output",))


def test_without_a_change_a_trace_is_the_trace() -> None:
    trace = run(Request(text=text, mask="causal"))
    assert restart(trace, {}) is trace
    assert restart(trace, Request(mask="causal", dtype="float64", scale="sqrt").overrides()) is trace


DOCUMENTS: dict[str, dict[str, Any]] = {
    "softcap": {"softcap": 0.4},
    "attn_mask that hides": {"attn_mask": [[key % 3 != 1 or None for key in range(5)] for _ in range(5)]},
    "attn_mask and mask": {"attn_mask": [[True, True, None, True, True]] * 5, "mask": "causal"},
    "attn_mask that adds": {"attn_mask": numbers(5, 5).tolist()},
    "sinks": {"sinks": [0.5]},
    "W_O": {"W_O": numbers(2, 11).tolist()},
    "position_ids": {"position_ids": [5, 0, 3, 3, 9], "positions": "alibi"},
    "position_embeddings": {"position_embeddings": numbers(5, 7).tolist()},
    "turned position_ids": {"position_ids": [5, 0, 3, 3, 9], "positions": "rope:dim=2"},
}
CARRIED = ("softcap", "attn_mask that hides", "W_O", "position_embeddings")


@pytest.mark.parametrize("change", [c for c in OPTIONS if c.get("positions") != "rope" and "dtype" not in c], ids=str)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_trace_carries_of_its_document_acts_and_what_it_does_not_is_refused(
    document: str, change: dict[str, Any], tmp_path: Path
) -> None:
    data = as_json(a_document(**DOCUMENTS[document]))
    first, fresh = trace_of(data, tmp_path), trace_of(data, tmp_path, **change)
    try:
        again = restart(first, Request(**change).overrides())
    except UsageError:
        again = None
    if document in CARRIED:
        assert again is not None
    if again is None:
        return
    same(again.layers[0], fresh.layers[0], leave_out=("output",) if document == "W_O" and again is not first else ())
    if document == "W_O" and again is not first:
        assert "output" not in again.layers[0]
        assert again.notes == ("output is left out: the trace does not contain all its inputs",)


@pytest.mark.parametrize(
    ("document", "change", "what"),
    [
        ("sinks", {"mask": "causal"}, "the sinks"),
        ("attn_mask and mask", {"mask": "none"}, "the cells of attn_mask that causal hides"),
        ("attn_mask that adds", {"softcap": "2"}, "all inputs of its weights"),
        ("position_ids", {"scale": "2"}, "all inputs of its biased"),
        ("turned position_ids", {"positions": "none"}, "all inputs of its scores"),
    ],
)
def test_what_a_trace_does_not_carry_is_named(document: str, change: dict[str, Any], what: str, tmp_path: Path) -> None:
    first = trace_of(as_json(a_document(**DOCUMENTS[document])), tmp_path)
    with pytest.raises(UsageError, match=f"does not contain {what}"):
        restart(first, Request(**change).overrides())


@pytest.mark.parametrize("document", ["sinks", "attn_mask that adds", "attn_mask that hides"])
def test_what_was_left_out_of_a_trace_is_missed_where_its_weights_show_it(document: str, tmp_path: Path) -> None:
    data = as_json(a_document(**DOCUMENTS[document]))
    first = trace_of(data, tmp_path)
    few = Trace(first.tokens, (first.layers[0].select(stages={"Q", "K", "V", "weights"}),), {})
    with pytest.raises(UsageError, match="all inputs of its weights"):
        restart(few, Request(softcap="2").overrides())


STAGES = [
    "embedded",
    "X",
    "Q",
    "K",
    "V",
    "Q_rotated",
    "K_rotated",
    "scores",
    "scaled",
    "softcapped",
    "biased",
    "masked",
]


@settings(max_examples=200)
@given(
    keep=st.sets(st.sampled_from(STAGES)),
    before=st.sampled_from(RUNS[1:]),
    change=st.sampled_from(OPTIONS[:-2]),
)
def test_whatever_stages_a_trace_has_its_weights_are_right_or_the_change_is_refused(
    keep: set[str], before: dict[str, Any], change: dict[str, Any]
) -> None:
    few = run(Request(text=text, **before))
    few = Trace(few.tokens, (few.layers[0].select(stages={*keep, "weights"}),), {}, context_tokens=few.context_tokens)
    try:
        again = restart(few, Request(**change).overrides())
    except AttnError:
        return
    fresh = run(Request(text=text, **before | change)).layers[0]
    for stage in again.layers[0].stages:
        np.testing.assert_allclose(stage.array, fresh[stage.name], rtol=1e-6, atol=1e-9, err_msg=stage.name)
    assert "weights" in again.layers[0]


def test_positions_that_were_added_are_shown_and_not_added_again() -> None:
    first = run(Request(text=text, positions="sinusoidal"))
    again = restart(first, Request(mask="causal").overrides())
    same(again.layers[0], run(Request(text=text, positions="sinusoidal", mask="causal")).layers[0])
    few = Trace(first.tokens, (first.layers[0].select(stages={"embedded", "Q", "K", "weights"}),), {})
    names = [stage.name for stage in restart(few, Request(mask="causal").overrides()).layers[0].stages]
    assert names == ["embedded", "Q", "K", "scores", "scaled", "masked", "weights"]


def test_with_a_cache_queries_are_counted_as_the_new_mask_counts_them() -> None:
    q, k = numbers(1, 2, 4), numbers(1, 5, 4)
    for positions in ("rope", "alibi", "none"):
        scheme = parse_positions(positions)
        ending = attend(TOKENS, {"Q": q, "K": k, "V": k}, None, Spec(positions=scheme))
        change = Request(mask="causal:start").overrides()
        again = restart(Trace(tuple(TOKENS), (ending,), {}), change).layers[0]
        same(again, attend(TOKENS, {"Q": q, "K": k, "V": k}, None, Spec(positions=scheme, mask=change["mask"])))
        assert again.query_tokens == ("the", "cat")


def test_key_heads_that_no_head_of_the_trace_uses_do_no_harm(tmp_path: Path) -> None:
    document = b"""{"layers": [{"heads": 2, "kv_heads": 2, "head_index": [1], "kv_head_index": [0, 1], "scale": 0.5,
        "Q": [[[1, 2], [3, 4]]], "K": [[[9, 9], [9, 9]], [[1, 0], [0, 1]]]}]}"""
    layer = trace_of(document, tmp_path, positions="rope").layers[0]
    assert layer.kv_head_index == (1,)
    assert layer["K_rotated"].shape == (1, 2, 2)


def test_a_mask_that_hides_more_than_before_leaves_what_attn_mask_hides_hidden(tmp_path: Path) -> None:
    data = as_json(a_document(**DOCUMENTS["attn_mask and mask"]))
    again = restart(trace_of(data, tmp_path), Request(mask="sliding:2").overrides())
    same(again.layers[0], trace_of(data, tmp_path, mask="sliding:2").layers[0])


def test_a_note_says_that_a_query_sees_nothing_after_the_change(tmp_path: Path) -> None:
    document = {"Q": numbers(5, 3), "K": numbers(2, 3), "mask": "causal"}
    first = trace_of(as_json(document), tmp_path)
    assert first.notes == ("3 queries see no key and weigh nothing, the first is query 0",)
    assert restart(first, Request(mask="none").overrides()).notes == ()
    wide = trace_of(as_json(document | {"mask": "none"}), tmp_path)
    assert restart(wide, Request(mask="causal").overrides()).notes == first.notes


@pytest.mark.parametrize("write", [trace_to_npz, trace_to_safetensors])
def test_a_setting_that_is_not_understood_is_refused_with_the_file(write: Any, tmp_path: Path) -> None:
    document = b'{"layers": [{"weights": [[1]], "mask": "hexagonal"}]}'
    with pytest.raises(AttnError, match="document: unknown mask 'hexagonal'"):
        trace_of(document, tmp_path)
    document = b'{"layers": [{"Q": [[1]], "K": [[1]], "softcap": -3}]}'
    with pytest.raises(AttnError, match="document: softcap"):
        trace_of(document, tmp_path, mask="causal")
    trace = run(Request(text=text, dim=D_MODEL))
    same(trace_of(write(trace), tmp_path).layers[0], trace.layers[0])


def test_a_trace_is_relabelled_by_as_many_words(tmp_path: Path) -> None:
    from attn_cli.trace.files.codec import trace_to_json

    trace = run(Request(text=text, context="le chat"))
    again = trace_of(trace_to_json(trace), tmp_path, text="five words that label rows", context="un chien")
    assert again.layers[0].query_tokens == ("five", "words", "that", "label", "rows")
    assert again.layers[0].key_tokens == again.context_tokens == ("un", "chien")
    for options, what in (({"text": "too few"}, "TEXT has 2 tokens"), ({"context": "one"}, "--context has 1 token,")):
        with pytest.raises(AttnError, match=what):
            trace_of(trace_to_json(trace), tmp_path, **options)
