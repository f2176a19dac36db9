"""Sound attention of every variant, in every dtype and container, gives no fault."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attn_cli.analysis.check.check import check
from attn_cli.analysis.check.reading import Dumped, read_dump
from attn_cli.core.attention import Projections, attend
from attn_cli.core.masks import Causal, Chunked, Local, Mask, NoMask, Prefix, Sliding
from attn_cli.core.positions import Alibi, NoPositions, Positions, Rope, Sinusoidal
from attn_cli.core.spec import Extras, Spec
from attn_cli.sources.documents.reading import from_mapping
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.request import Request
from attn_cli.trace.files.codec import trace_to_json, trace_to_npz, trace_to_safetensors
from attn_cli.trace.files.npz import write_npz
from attn_cli.trace.trace import Array, Layer, Trace

MASKS: list[Mask] = [NoMask(), Causal(), Causal("start"), Sliding(2), Local(2), Prefix(2), Chunked(2)]
POSITIONS: list[Positions] = [NoPositions(), Sinusoidal(), Rope(), Rope(style="interleaved", dim=2), Alibi()]
WRITERS = {"json": trace_to_json, "npz": trace_to_npz, "safetensors": trace_to_safetensors}


@st.composite
def layers(draw: st.DrawFn, *, apart: bool = True) -> Layer:
    """A layer that attend() made, from X or from queries and keys of different lengths."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups, share = draw(st.sampled_from([(1, 1), (1, 3), (2, 1), (2, 2), (3, 2)]))
    heads = groups * share
    keys = draw(st.sampled_from([1, 2, 5, 7]))
    queries = keys if (square := draw(st.booleans())) else draw(st.sampled_from([1, 3, 5, 7, 11]))
    cross = draw(st.booleans())
    spread = draw(st.sampled_from([0.1, 1.0, 5.0]))
    spec = Spec(
        heads=heads,
        kv_heads=groups,
        mask=draw(st.sampled_from(MASKS)),
        positions=draw(st.sampled_from(POSITIONS)),
        scale=draw(st.sampled_from(["sqrt", "sqrt", "none", 0.3])),
        softcap=draw(st.sampled_from([None, None, 5.0])),
        dtype=draw(st.sampled_from(["float64", "float32", "float16"])),
    )
    bias = rng.normal(size=(queries, keys)) if apart and draw(st.booleans()) else None
    hidden = rng.random((heads, queries, keys)) < 0.3 if apart and draw(st.booleans()) else None
    sinks = rng.normal(size=heads) if draw(st.booleans()) else None
    width = 4
    if square and not cross:
        given_ = {"embedded": rng.normal(size=(keys, 6)) * spread}
        shapes = {"W_Q": (6, heads * width), "W_K": (6, groups * width), "W_V": (6, groups * 3), "W_O": (heads * 3, 5)}
        shapes |= {"b_Q": (heads * width,), "b_V": (groups * 3,)} if draw(st.booleans()) else {}
        matrices = {
            name: rng.normal(size=shape) for name, shape in shapes.items() if name != "W_O" or draw(st.booleans())
        }
        projections = Projections(**matrices)
    else:
        given_ = {
            "Q": rng.normal(size=(heads, queries, width)) * spread,
            "K": rng.normal(size=(groups, keys, width)) * spread,
            "V": rng.normal(size=(groups, keys, 3)),
        }
        projections = None
    tokens = [f"t{i}" for i in range(queries if cross else max(queries, keys))]
    context = [f"c{i}" for i in range(keys)] if cross else None
    return attend(
        tokens,
        given_,
        projections,
        spec,
        extras=Extras(bias=bias, hidden=hidden, sinks=sinks),
        context_tokens=context,
    )


def trace_of(layer: Layer) -> Trace:
    cross = layer.kind == "cross"
    longest = max(layer.query_tokens, layer.key_tokens, key=len)
    tokens = layer.query_tokens if cross else longest
    return Trace(tokens, (layer,), {"kind": "arrays"}, context_tokens=layer.key_tokens if cross else None)


def faults(data: bytes, **declared: Any) -> list[str]:
    return [str(f) for f in check(read_dump(data, "dump"), declared, recompute=True).findings if f.severity == "fault"]


@settings(max_examples=60)
@given(layers(), st.sampled_from(sorted(WRITERS)))
def test_a_sound_trace_gives_no_fault(layer: Layer, form: str) -> None:
    assert faults(WRITERS[form](trace_of(layer))) == []


@settings(max_examples=60)
@given(layers(), st.data())
def test_a_sound_trace_of_some_stages_and_heads_gives_no_fault(layer: Layer, data: st.DataObject) -> None:
    names = [stage.name for stage in layer.stages]
    kept = data.draw(st.sets(st.sampled_from(names), min_size=1))
    heads = data.draw(st.sets(st.sampled_from(layer.head_index), min_size=1))
    assert faults(trace_to_npz(trace_of(layer.select(sorted(heads), kept)))) == []


def bfloat16(array: Array) -> Array:
    """Rounded to bfloat16, in float32."""
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def settings_of(layer: Layer) -> dict[str, Any]:
    own = layer.settings
    return {"mask": own.mask, "positions": own.positions, "scale": own.scale} | (
        {} if own.softcap is None else {"softcap": own.softcap}
    )


@settings(max_examples=60)
@given(layers(apart=False), st.sampled_from(["same", "bfloat16", "float16"]))
def test_a_sound_dump_of_a_training_loop_gives_no_fault(layer: Layer, rounded: str) -> None:
    rounding = {"same": np.asarray, "bfloat16": bfloat16, "float16": lambda x: x.astype(np.float16).astype(np.float32)}
    layer_name = "layers.0.cross" if layer.kind == "cross" else "layers.0"
    arrays = {f"{layer_name}.{stage.name}": rounding[rounded](stage.array) for stage in layer.stages}
    extra = {f"{layer_name}.{key}": np.array(value) for key, value in settings_of(layer).items()}
    extra |= {f"{layer_name}.heads": np.array(layer.heads), f"{layer_name}.kv_heads": np.array(layer.kv_heads)}
    assert faults(write_npz(arrays | extra)) == []


@settings(max_examples=60)
@given(layers(apart=False), st.sampled_from([None, 3, 4, 6, 8]), st.data())
def test_a_sound_document_of_arrays_gives_no_fault(layer: Layer, places: int | None, data: st.DataObject) -> None:
    stages = {stage.name: stage.array for stage in layer.stages if stage.name not in ("X", "embedded", "output")}
    must = {"weights"} | ({"Q", "K"} if data.draw(st.booleans()) else set())
    kept = must | data.draw(st.sets(st.sampled_from(sorted(stages))))
    document: dict[str, Any] = {}
    for name, array in stages.items():
        if name in kept:
            whole = array.astype(np.float64)
            rounded = whole if places is None else np.round(whole, places)
            document[name] = np.where(np.isneginf(rounded), None, rounded.astype(object)).tolist()
    if layer.kind == "cross":
        document["context_tokens"] = list(layer.key_tokens)
    document["dtype"] = layer.settings.dtype
    document |= settings_of(layer) | {"heads": layer.heads, "kv_heads": layer.kv_heads}
    if "sink_weight" in stages and "sink_weight" not in kept:
        return
    assert faults(json.dumps(document).encode()) == []


@settings(max_examples=60)
@given(layers(), st.data())
def test_one_changed_number_is_found_in_its_stage(layer: Layer, data: st.DataObject) -> None:
    assume(layer.settings.dtype != "float16")
    checked = {"scores", "scaled", "softcapped", "masked", "weights", "head_output"}
    name = data.draw(st.sampled_from([stage.name for stage in layer.stages if stage.name in checked]))
    array = layer[name].copy()
    cell = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
    assume(np.isfinite(array[cell]))
    array[cell] += 0.25 * max(1, abs(array[cell]))
    stages = tuple(replace(stage, array=array) if stage.name == name else stage for stage in layer.stages)
    found = check(Dumped(trace_of(replace(layer, stages=stages))))
    assert name in {finding.worst.stage for finding in found.findings if finding.severity == "fault"}


@pytest.mark.parametrize(
    "settings",
    [
        {"positions": "rope", "rotary_frequencies": np.array([1.0, 0.3, 0.02, 0.001])},
        {"positions": "rope", "position_ids": np.array([0, 0, 1, 2, 7, 8])},
        {"positions": "alibi", "position_ids": np.array([0, 0, 1, 2, 7, 8])},
        {"positions": "rope", "query_scaling": "log:0.5,step=2"},
        {"qk_norm": "rms:1e-06", "Q_norm": np.linspace(0.3, 2, 8), "K_norm": np.linspace(2, 0.3, 8)},
    ],
    ids=", ".join,
)
def test_a_trace_of_a_document_whose_positions_it_does_not_hold_gives_no_fault(settings: dict[str, Any]) -> None:
    q, k, v = np.random.default_rng(0).normal(size=(3, 2, 6, 8))
    document = from_mapping({"Q": q, "K": k, "V": v, "tokens": list("abcdef")} | settings, "d")
    assert not isinstance(document, Trace)
    parameters = read_parameters(Request(weights="d"), document, "d")
    layer = parameters.attended()
    trace = Trace(parameters.tokens, (layer,), {"kind": "document", "path": "d"})
    assert faults(trace_to_npz(trace)) == []
    for stages in ({"Q", "K", "V", "biased", "weights", "output"}, {"Q", "K", "V", "K_normed", "scores"}):
        assert faults(trace_to_npz(replace(trace, layers=(layer.select([0, 1], stages),)))) == []


def test_a_weight_too_small_for_its_square_may_be_zero() -> None:
    document = {"tokens": ["a", "b"], "Q": [[1.0], [1.0]], "K": [[0.0], [460.0]], "V": [[1.0], [2.0]], "scale": "none"}
    layer = read_parameters(Request(document=document), from_mapping(document, "d"), "d").attended()
    weights = layer["weights"].copy()
    assert 0 < weights.min() < 1e-190
    weights[weights < 1e-190] = 0.0
    stages = tuple(replace(stage, array=weights) if stage.name == "weights" else stage for stage in layer.stages)
    assert check(Dumped(trace_of(replace(layer, stages=stages)))).findings == ()


@pytest.mark.parametrize("kind", ["arrays", "random", "document"])
@pytest.mark.parametrize(("positions", "name"), [(Alibi(), "biased"), (Rope(), "Q_rotated"), (Rope(), "K_rotated")])
def test_a_changed_stage_of_positions_is_faulted_where_the_trace_holds_what_made_it(
    positions: Positions, name: str, kind: str
) -> None:
    q, k, v = np.random.default_rng(0).normal(size=(3, 2, 6, 8))
    layer = attend(list("abcdef"), {"Q": q, "K": k, "V": v}, spec=Spec(heads=2, positions=positions))
    array = layer[name].copy()
    array[1, 3, 2] += 0.5
    stages = tuple(replace(stage, array=array) if stage.name == name else stage for stage in layer.stages)
    trace = replace(trace_of(replace(layer, stages=stages)), source={"kind": kind})
    found = {finding.worst.stage for finding in check(Dumped(trace)).findings if finding.severity == "fault"}
    assert name in found or kind == "document"
    assert found  # of a document only the stage after it shows that positions may be others
