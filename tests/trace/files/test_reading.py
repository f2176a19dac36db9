"""Traces that others wrote: what is filled in, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from attn_cli.errors import DocumentError
from attn_cli.trace.files.codec import is_trace, trace_from_json, trace_from_npz, trace_from_safetensors, trace_to_json
from attn_cli.trace.files.npz import read_npz, write_npz
from attn_cli.trace.files.tensors import read_safetensors
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Trace
from tests.trace.traces import layer_of

HALF = [[0.5, 0.5], [0.25, 0.75]]


def from_json(document: Any) -> Trace:
    return trace_from_json(document, "t.json")


def from_npz(**arrays: Any) -> Trace:
    made = {key: value if isinstance(value, np.ndarray) else np.array(value) for key, value in arrays.items()}
    return trace_from_npz(read_npz(write_npz(made), "t.npz"), "t.npz")


def test_a_list_of_weights_is_a_trace() -> None:
    trace = from_json({"layers": [{"weights": HALF}]})
    layer = trace.layers[0]
    assert trace.tokens == layer.query_tokens == layer.key_tokens == ("0", "1")
    assert (trace.source, trace.notes, trace.text) == ({"kind": "arrays"}, (), None)
    assert (layer.name, layer.index, layer.kind, layer.heads, layer.kv_heads) == ("layers.0", 0, "self", 1, 1)
    assert (layer.settings.mask, layer.settings.scale, layer.settings.dtype) == ("none", "sqrt", "float64")
    np.testing.assert_array_equal(layer["weights"], [HALF])


def test_arrays_by_path_are_a_trace_with_layers_in_the_order_of_their_numbers() -> None:
    names = ["layers.10", "decoder.layers.0.cross", "layers.2", "decoder.layers.0", "encoder.layers.0"]
    trace = from_npz(**{f"{name}.weights": HALF for name in names})
    order = ["encoder.layers.0", "decoder.layers.0", "decoder.layers.0.cross", "layers.2", "layers.10"]
    assert [layer.name for layer in trace.layers] == order
    assert [layer.index for layer in trace.layers] == [0, 0, 0, 2, 10]
    assert [layer.kind for layer in trace.layers] == ["self", "self", "cross", "self", "self"]
    assert [layer.queries for layer in trace.layers] == ["context_tokens", *["tokens"] * 4]
    assert trace.layers[2].keys == "context_tokens"


def test_settings_stand_beside_arrays_for_all_layers_or_one() -> None:
    arrays: dict[str, Any] = {"layers.0.weights": HALF, "layers.1.weights": HALF, "layers.1.mask": "causal"}
    trace = from_npz(**arrays, mask="none", tokens=["a", "b"], text="a b", scale=0.5, softcap=30, positions="alibi")
    assert (trace.tokens, trace.text) == (("a", "b"), "a b")
    assert [layer.settings.mask for layer in trace.layers] == ["none", "causal"]
    assert [layer.settings.scale for layer in trace.layers] == [0.5, 0.5]
    assert [layer.settings.softcap for layer in trace.layers] == [30.0, 30.0]
    assert trace.layers[0].settings.positions == "alibi"


def test_settings_of_safetensors_are_json_or_bare_words_in_its_metadata() -> None:
    metadata = {"format": "pt", "tokens": '["a", "1"]', "text": "12", "mask": "causal", "scale": "0.25", "heads": "2"}
    data = save({"layers.0.weights": np.full((2, 2, 2), 0.5, "f4")}, metadata)
    trace = trace_from_safetensors(*read_safetensors(data, "t"), "t")
    assert (trace.tokens, trace.text) == (("a", "1"), "12")
    layer = trace.layers[0]
    assert (layer.heads, layer.settings.mask, layer.settings.scale) == (2, "causal", 0.25)
    assert layer.settings.dtype == "float32"


def test_a_leading_batch_of_one_is_taken_away_and_another_refused() -> None:
    arrays = {"layers.0.weights": np.full((1, 3, 2, 2), 0.5), "layers.0.output": np.ones((1, 2, 7))}
    layer = from_npz(**arrays).layers[0]
    assert (layer["weights"].shape, layer["output"].shape) == ((3, 2, 2), (2, 7))
    with pytest.raises(DocumentError, match=r"layers\.0\.weights: batch of 2: one document holds one text"):
        from_npz(**{"layers.0.weights": np.full((2, 3, 2, 2), 0.5)})


def test_heads_scale_and_order_come_from_the_arrays() -> None:
    shapes = {"weights": (6, 5, 5), "V": (2, 5, 2), "K": (2, 5, 3), "Q": (6, 5, 3)}
    layer = from_npz(**{f"layers.3.{name}": np.ones(shape) for name, shape in shapes.items()}).layers[0]
    assert [stage.name for stage in layer.stages] == ["Q", "K", "V", "weights"]
    assert (layer.heads, layer.kv_heads, layer.kv_head_index, layer.index) == (6, 2, (0, 1), 3)
    assert layer.settings.scale == pytest.approx(1 / np.sqrt(3))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["float16"], "float16"),
        (["float16", "float32"], "float32"),
        (["float32", "int64"], "float64"),
        (["float64"], "float64"),
    ],
)
def test_the_widest_dtype_of_a_layer_is_the_layers(dtypes: list[str], expected: str) -> None:
    arrays = {f"layers.0.{name}": np.ones((1, 2, 2), dtype) for name, dtype in zip(["Q", "K"], dtypes, strict=False)}
    layer = from_npz(**arrays).layers[0]
    assert layer.settings.dtype == expected
    assert {stage.array.dtype.name for stage in layer.stages} == {expected}


def test_fewer_queries_than_keys_are_the_last_tokens() -> None:
    few = [[0.5, 0.5, 0], [0.25, 0.5, 0.25]]
    layer = from_json({"tokens": ["a", "b", "c"], "layers": [{"weights": few}]}).layers[0]
    assert (layer.query_tokens, layer.key_tokens) == (("b", "c"), ("a", "b", "c"))
    assert layer.first_query == 1


def test_more_queries_than_keys_leave_the_last_tokens_to_the_keys() -> None:
    many = [[1.0], [1.0]]
    layer = from_json({"tokens": ["a", "b"], "layers": [{"weights": many}]}).layers[0]
    assert (layer.query_tokens, layer.key_tokens) == (("a", "b"), ("b",))
    assert layer.first_query == -1


def test_context_tokens_that_fit_make_it_cross_attention() -> None:
    document: dict[str, Any] = {
        "tokens": ["a"],
        "context_tokens": ["x", "y", "z"],
        "layers": [{"weights": [[1, 0, 0]]}],
    }
    layer = from_json(document).layers[0]
    assert (layer.kind, layer.keys, layer.key_tokens) == ("cross", "context_tokens", ("x", "y", "z"))
    document["layers"][0]["weights"] = [[1]]
    layer = from_json(document).layers[0]
    assert (layer.kind, layer.key_tokens) == ("self", ("a",))


def test_one_head_of_many_is_named_by_its_number() -> None:
    layer = {"heads": 6, "kv_heads": 2, "head_index": [4], "weights": [HALF], "V": [[[1.0], [2.0]]]}
    read = from_json({"layers": [layer]}).layers[0]
    assert (read.head_index, read.kv_head_index) == ((4,), (1,))


def test_bfloat16_is_known_by_the_files_dtype() -> None:
    header = b'{"layers.0.weights":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + np.array([0x3F80, 0xC040], "<u2").tobytes()
    layer = trace_from_safetensors(*read_safetensors(data, "t"), "t").layers[0]
    assert layer.settings.dtype == "bfloat16"
    np.testing.assert_array_equal(layer["weights"], [[[1.0, -3.0]]])


def test_comments_and_schemas_are_ignored() -> None:
    from_json({"$schema": "x", "comment": "y", "layers": [{"comment": "z", "weights": HALF}]})


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"layers": [{"weights": HALF}], "tokenz": []}, "t.json: unknown key 'tokenz'"),
    ({"layers": [{"wieghts": HALF}]}, r"t.json: layers\[0\]: unknown key 'wieghts'"),
    ({"layers": []}, "layers: expected a list of layers, found an empty list"),
    ({"format": "attn.trace"}, "layers: expected a list of layers, found null"),
    ({"layers": [HALF]}, r"layers\[0\]: expected an object, found a list"),
    ({"layers": [{}]}, r"layers\[0\]: holds no stage"),
    ({"layers": [{"weights": HALF}], "format": "attn.heads"}, "format: expected 'attn.trace', found \"attn.heads\""),
    ({"layers": [{"weights": HALF}], "version": 2}, "trace version 2 is newer than this attn, which reads 1"),
    ({"layers": [{"weights": HALF}], "version": "1"}, 'version: expected 1, found "1"'),
    ({"layers": [{"weights": HALF}], "version": True}, "version: expected 1, found true"),
    ({"layers": [{"weights": HALF}], "tokens": ["a"]}, "has 2 queries and 2 keys for 1 tokens"),
    ({"layers": [{"weights": HALF}], "tokens": ["a", "b", "c"]}, "has 2 queries and 2 keys for 3 tokens"),
    ({"layers": [{"weights": HALF}], "tokens": ["a", 2]}, r"tokens\[1\]: expected a string, found 2"),
    ({"layers": [{"weights": HALF}], "tokens": "a b"}, 'tokens: expected a list, each a string, found "a b"'),
    ({"layers": [{"weights": HALF}], "token_ids": [1]}, "token_ids: 1 ids do not fit 2 tokens"),
    ({"layers": [{"weights": HALF}], "notes": [None]}, r"notes\[0\]: expected a string, found null"),
    ({"layers": [{"weights": HALF}], "source": "x"}, 'source: expected an object, found "x"'),
    ({"layers": [{"weights": [[0.5, "x"]]}]}, r"layers\[0\]\.weights\[0\]\[1\]: expected a number, or one of NaN"),
    ({"layers": [{"weights": [[0.5, None]]}]}, r"layers\[0\]\.weights\[0\]\[1\]: expected a number, found null"),
    ({"layers": [{"Q": [[0.5, None]]}]}, r"\.Q\[0\]\[1\]: expected a number, found null"),
    ({"layers": [{"output": [HALF, HALF]}]}, r"layers\[0\]\.output: batch of 2"),
    ({"layers": [{"weights": HALF, "stages": ["weights", "Q"]}]}, r"stages: names 'Q', which the layer does not hold"),
    ({"layers": [{"weights": HALF, "stages": []}]}, r"stages: names 'weights' 0 times"),
    ({"layers": [{"weights": HALF, "Q": [[1], [2], [3]]}]}, "do not fit Q with 3 "),
    ({"layers": [{"Q": [[1, 2]], "K": [[1, 2, 3]]}]}, r"layers\[0\]\.K: 3 d_k \(1×1×3\) do not fit Q with 2 \(1×1×2\)"),
    ({"layers": [{"weights": HALF, "heads": 2}]}, "head_index: is missing: the arrays hold 1 of 2 heads"),
    ({"layers": [{"weights": HALF, "head_index": [1]}]}, "head_index: names head 1, there are 1"),
    ({"layers": [{"weights": [HALF] * 2, "head_index": [0, 0]}]}, "head_index: names a head twice"),
    ({"layers": [{"weights": HALF, "heads": 3, "head_index": [0, 1]}]}, "head_index: names 2 heads, the arrays hold 1"),
    ({"layers": [{"weights": [HALF] * 3, "kv_heads": 2}]}, "3 heads cannot share 2 key/value heads evenly"),
    ({"layers": [{"weights": HALF, "heads": 2, "head_index": [1], "V": HALF}]}, "kv_heads: is missing"),
    (
        {"layers": [{"weights": HALF, "heads": 2, "kv_heads": 2, "head_index": [1], "kv_head_index": [0], "V": HALF}]},
        "kv_head_index: lacks key head 1",
    ),
    ({"layers": [{"weights": HALF, "heads": True}]}, "heads: expected a whole number from 1, found true"),
    ({"layers": [{"weights": HALF, "scale": "half"}]}, 'scale: expected a number or none or sqrt, found "half"'),
    ({"layers": [{"weights": HALF, "softcap": "x"}]}, 'softcap: expected a number, found "x"'),
    ({"layers": [{"weights": HALF, "mask": " "}]}, 'mask: expected a word, found " "'),
    ({"layers": [{"weights": HALF, "dtype": "int8"}]}, 'dtype: expected one of float16, .*, found "int8"'),
    ({"layers": [{"weights": [[1e39]], "dtype": "float32"}]}, r"weights: 1e\+39 is too large for float32"),
    ({"layers": [{"weights": HALF, "kind": "both"}]}, 'kind: expected one of self, cross, found "both"'),
    ({"layers": [{"weights": HALF, "formulas": {"Q": "…"}}]}, r"layers\[0\]\.formulas: unknown key 'Q'"),
    ({"layers": [{"weights": HALF, "name": "a"}, {"weights": HALF, "name": "a"}]}, "'a' is the name of two layers"),
]


@pytest.mark.parametrize(("document", "message"), FAULTS, ids=[message[:40] for _, message in FAULTS])
def test_what_does_not_fit_is_refused_with_its_path(document: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        from_json(document)
    assert caught.value.message.startswith("t.json: ")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "hint"),
    [("layers.0.wieghts", "layers.0.weights"), ("layers.0.maks", "layers.0.mask"), ("weights", "layers.0.weights")],
)
def test_a_name_that_is_no_stage_is_refused_with_the_one_that_was_meant(key: str, hint: str) -> None:
    with pytest.raises(DocumentError, match="neither a stage of a layer nor a setting") as caught:
        from_npz(**{"layers.0.weights": HALF, key: HALF})
    assert hint in caught.value.hint


def test_a_setting_of_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"'layers\.1\.mask'"):
        from_npz(**{"layers.0.weights": HALF, "layers.1.mask": "causal"})


def test_metadata_that_nobody_knows_is_refused() -> None:
    for metadata in ({"epoch": "3"}, {"format": "mine"}):
        with pytest.raises(DocumentError, match="neither a stage of a layer nor a setting"):
            trace_from_safetensors({"layers.0.weights": np.array(HALF)}, metadata, "t")


def test_a_setting_that_is_an_array_of_numbers_is_refused() -> None:
    with pytest.raises(DocumentError, match="mask: expected a word, a number or a list of strings"):
        from_npz(**{"layers.0.weights": HALF, "mask": HALF})


def test_a_description_and_its_arrays_must_agree() -> None:
    described = json.dumps({"layers": [{"name": "layers.0", "stages": ["weights"]}]})
    assert from_npz(**{"trace": described, "layers.0.weights": HALF}).tokens == ("0", "1")
    for arrays, message in (
        ({"layers.0.V": HALF}, "'weights', which the layer does not hold|'V'"),
        ({"layers.0.weights": HALF, "layers.1.weights": HALF}, "belongs to no layer"),
        ({"layers.0.weights": HALF, "mask": "causal"}, "'mask' belongs to no layer"),
    ):
        with pytest.raises(DocumentError, match=message):
            from_npz(trace=described, **arrays)
    for wrong in ("[]", "{", '{"layers": [{}]}', '{"layers": [{"name": "a", "weights": [[1]]}]}'):
        with pytest.raises(DocumentError, match=r"t\.npz: trace: "):
            from_npz(trace=wrong)
    with pytest.raises(DocumentError, match="trace: expected a string"):
        from_npz(trace=HALF)


def test_a_dtype_that_cannot_hold_the_arrays_is_refused() -> None:
    described = json.dumps({"layers": [{"name": "layers.0", "dtype": "float32"}]})
    assert from_npz(**{"trace": described, "layers.0.weights": HALF}).layers[0]["weights"].dtype == np.float32
    with pytest.raises(DocumentError, match="float64 numbers that float32, the layer's dtype, cannot hold"):
        from_npz(**{"trace": described, "layers.0.weights": [[0.1]]})


def test_a_file_is_a_trace_by_the_names_in_it() -> None:
    assert is_trace(["trace"])
    assert is_trace(["tokens", "layers.0.weights"])
    assert is_trace(["decoder.layers.11.cross.sink_weight"])
    assert not is_trace(["W_Q", "weights", "layers.0.mlp.weight", "mylayers.0.weights"])


@pytest.mark.parametrize("stage", list(STAGES))
def test_each_stage_alone_is_a_trace(stage: str) -> None:
    layer = layer_of(("a", "b", "c"), ("a", "b", "c"), stages=(stage,), heads=2, kv_heads=1)
    trace = Trace(("a", "b", "c"), (layer,), {})
    read = from_json({"layers": [{stage: layer[stage]}]}).layers[0]
    assert read[stage].shape == layer[stage].shape
    assert trace_to_json(trace)
