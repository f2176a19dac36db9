"""Traces through every container and back."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings

from attn_cli.errors import AttnError
from attn_cli.trace.files import to_json
from attn_cli.trace.files.codec import trace_from_json, trace_to_json, trace_to_npz, trace_to_safetensors
from attn_cli.trace.files.npz import read_npz
from attn_cli.trace.files.parsing import parse_json
from attn_cli.trace.files.tensors import read_safetensors
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Trace
from tests.trace.traces import layer_of, through_json, through_npz, through_safetensors, traces

WAYS = [through_json, through_npz, through_safetensors]


def assert_same(trace: Trace, other: Trace) -> None:
    for field in fields(Trace):
        if field.name != "layers":
            assert getattr(trace, field.name) == getattr(other, field.name), field.name
    for one, two in zip(trace.layers, other.layers, strict=True):
        for field in fields(one):
            if field.name not in ("stages", "stated"):  # only a file states settings
                assert getattr(one, field.name) == getattr(two, field.name), field.name
        for stage, read in zip(one.stages, two.stages, strict=True):
            assert (stage.name, stage.formula) == (read.name, read.formula)
            assert (stage.array.dtype, stage.array.shape) == (read.array.dtype, read.array.shape)
            assert stage.array.tobytes() == read.array.tobytes()
            assert not read.array.flags.writeable


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=60)
@given(trace=traces())
def test_a_trace_reads_back_to_the_same_bits(way: Callable[[Trace], Trace], trace: Trace) -> None:
    assert_same(trace, way(trace))


@settings(max_examples=60)
@given(trace=traces())
def test_what_is_read_is_written_as_the_same_bytes_by_whichever_way_it_came(trace: Trace) -> None:
    for way in WAYS:
        read = way(trace)
        assert trace_to_json(read) == trace_to_json(trace)
        assert trace_to_npz(read) == trace_to_npz(trace)
        assert trace_to_safetensors(read) == trace_to_safetensors(trace)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_stage_passes_in_every_dtype(way: Callable[[Trace], Trace], dtype: str) -> None:
    tokens = ("a", "b", "c", "d", "e")
    layer = layer_of(tokens, tokens, stages=tuple(STAGES), heads=6, kv_heads=2, dtype=dtype)
    assert layer["sink_weight"].shape == (6, 5)
    trace = Trace(tokens, (layer, layer_of(tokens, tokens, name="layers.1", index=1)), {"kind": "random", "seed": 0})
    assert_same(trace, way(trace))


def test_numbers_that_json_has_not_are_null_where_hidden_and_words_elsewhere() -> None:
    layer = layer_of(("a", "b"), ("a", "b"), stages=("scaled", "masked"))
    odd = np.array([[[-np.inf, np.nan], [np.inf, -0.0]]])
    for stage in layer.stages:
        stage.array[:] = odd
    document = parse_json(trace_to_json(Trace(("a", "b"), (layer,), {})), "t")
    assert document["layers"][0]["scaled"] == [[["-Infinity", "NaN"], ["Infinity", 0.0]]]
    assert document["layers"][0]["masked"] == [[[None, "NaN"], ["Infinity", 0.0]]]


def test_a_tokens_lone_surrogate_is_escaped_and_reads_back() -> None:
    tokens = ("\ud800", "é", "x\udfff")
    trace = Trace(tokens, (layer_of(tokens, tokens),), {"kind": "document", "path": "\udcff"}, text="\ud800 é")
    assert b'"tokens":["\\ud800","\xc3\xa9","x\\udfff"]' in trace_to_json(trace)
    for way in WAYS:
        assert_same(trace, way(trace))


def test_two_halves_of_a_pair_become_the_character_they_make_once() -> None:
    tokens = ("\ud83d\ude00\ud800",)
    trace = Trace(tokens, (layer_of(tokens, tokens),), {})
    assert through_json(trace).tokens == ("\N{GRINNING FACE}\ud800",)
    assert trace_to_json(through_json(trace)) == trace_to_json(trace)


def test_the_keys_stand_in_the_order_of_the_contract() -> None:
    tokens = ("a", "b", "c")
    document = parse_json(trace_to_json(Trace(tokens, (layer_of(tokens, tokens, stages=("X", "K")),), {})), "t")
    top = "format version attn text tokens token_ids context_tokens source layers notes"
    layer = "name index kind queries keys heads kv_heads head_index kv_head_index mask positions scale softcap dtype"
    assert list(document) == top.split()
    assert list(document["layers"][0]) == [*layer.split(), "stages", "formulas", "X", "K"]
    assert document["layers"][0]["formulas"] == {"K": "K = …"}


def test_a_layer_without_formulas_has_no_such_key() -> None:
    document = parse_json(trace_to_json(Trace(("a",), (layer_of(("a",), ("a",)),), {})), "t")
    assert "formulas" not in document["layers"][0]


def test_arrays_are_named_by_path_in_npz_and_safetensors() -> None:
    names = ("encoder.layers.0", "decoder.layers.0", "decoder.layers.0.cross")
    trace = Trace(("a",), tuple(layer_of(("a",), ("a",), name=name) for name in names), {})
    expected = {f"{name}.weights" for name in names}
    assert set(read_npz(trace_to_npz(trace), "t")) == {*expected, "trace"}
    arrays, metadata = read_safetensors(trace_to_safetensors(trace), "t")
    assert (set(arrays), set(metadata)) == (expected, {"trace"})


def test_too_many_numbers_for_json_are_refused_and_npz_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace(("a", "b"), (layer_of(("a", "b"), ("a", "b")),), {})
    monkeypatch.setattr(to_json, "MOST_NUMBERS", 4)
    trace_to_json(trace)
    monkeypatch.setattr(to_json, "MOST_NUMBERS", 3)
    with pytest.raises(AttnError, match="4 numbers are too many for JSON") as caught:
        trace_to_json(trace)
    assert "-o trace.npz" in caught.value.hint


def test_arrays_of_a_caller_stay_writeable() -> None:
    weights = np.full((1, 1), 1.0)
    layer = trace_from_json({"layers": [{"weights": weights}]}, "t").layers[0]
    assert weights.flags.writeable
    assert not layer["weights"].flags.writeable
