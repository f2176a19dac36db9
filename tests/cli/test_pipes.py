"""What scripts rely on: the same bytes through a pipe, formats by suffix, selections, schemas, labels."""

import csv
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from attn_cli.cli.results import size
from attn_cli.core.masks import MASKS
from attn_cli.core.positions import POSITIONS
from tests.cli.conftest import EXAMPLE, Attn
from tests.cli.documents import CROSS, GROUPED, PARAMETERS, parameters

TEXT = "the cat sat on the mat"
FIELDS = {"sliding": ":2", "local": ":3", "prefix": ":2", "chunked": ":2", "packed": ":4,2"}
HUGE = parameters(W_Q=[[1e200, 0], [0, 1e200], [1, 1]], W_K=[[1e200, 0], [0, -1e200], [1, 1]])
SOURCES: dict[str, list[str]] = {
    **{f"mask {name}": [TEXT, "--mask", name + FIELDS.get(name, "")] for name in MASKS},
    **{f"positions {name}": [TEXT, "--positions", name] for name in POSITIONS},
    "from the start": [TEXT, "--mask", "causal:start"],
    "rope with fields": [TEXT, "--positions", "rope:500,style=interleaved,dim=2,factor=2"],
    "grouped": [TEXT, "--heads", "4", "--kv-heads", "2", "--dim", "8", "--mask", "causal"],
    "context": ["a b", "--context", "x y z", "--heads", "2"],
    "float32": [TEXT, "--dtype", "float32", "--mask", "causal", "--positions", "alibi"],
    "float16": [TEXT, "--dtype", "float16", "--softcap", "3"],
    "huge": ["-w", "huge.json"],
    "blind": ["-w", "blind.json"],
    "sinks": ["-w", "sinks.json"],
    "grouped document": ["-w", "grouped.json"],
    "cross document": ["-w", "cross.json"],
    "odd tokens": ["-w", "odd.json"],
    "parts": [TEXT, "--stage", "parts", "--softcap", "2", "--positions", "rope"],
    "some": [TEXT, "--heads", "4", "--head", "1,3", "--stage", "Q,K,weights"],
}
DOCUMENTS: dict[str, Any] = {
    "huge": HUGE,
    "blind": parameters(attn_mask=[[False, False], [True, True]]),
    "sinks": parameters(sinks=[0.5]),
    "grouped": GROUPED,
    "cross": CROSS,
    "odd": {"tokens": ["\0\x1b", "\ud800"], "Q": [[1, 2], [3, 4]], "K": [[1, 2], [3, -4]]},
    "p": PARAMETERS,
}


@pytest.fixture(autouse=True)
def documents(tmp_path: Path) -> None:
    for name, document in DOCUMENTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))


@pytest.mark.parametrize("name", SOURCES)
def test_a_trace_comes_back_as_the_same_bytes(call: Attn, tmp_path: Path, name: str) -> None:
    trace = call("explain", *SOURCES[name], "--json")
    assert (trace.code, trace.errors) == (0, "")
    assert call("explain", "-w", "-", "--json", stdin=trace.data).data == trace.data
    for suffix in ("npz", "safetensors", "json"):
        made = call("explain", "-w", "-", "-o", f"t.{suffix}", "-q", stdin=trace.data)
        assert (made.code, made.data, made.errors) == (0, b"", "")
        assert call("explain", "-i", f"t.{suffix}", "--json").data == trace.data
    assert call("explain", "-w", "-", stdin=trace.data).code == 0
    assert call("heatmap", "-w", "-", stdin=trace.data).code == (1 if name == "parts" else 0)


@pytest.mark.parametrize("name", ["huge", "blind"])
def test_what_is_odd_in_a_trace_is_noted(call: Attn, name: str) -> None:
    trace = call("explain", *SOURCES[name], "--json").json()
    words = {"huge": "scores holds NaN or infinities", "blind": "1 query sees no key"}
    assert any(words[name] in note for note in trace["notes"])
    assert words[name] in call("explain", *SOURCES[name]).out
    if name == "blind":
        assert trace["layers"][0]["weights"][0][0] == [0, 0]


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ("huge", "parts", "sinks", "blind")])
def test_each_row_of_weights_sums_to_one(call: Attn, name: str) -> None:
    for layer in call("explain", *SOURCES[name], "--json").json()["layers"]:
        close = {"float64": 1e-12, "float32": 1e-6, "float16": 2e-3}[layer["dtype"]]
        for row in (row for head in layer["weights"] for row in head):
            assert math.fsum(row) == pytest.approx(1, abs=close)


SUFFIXES: dict[str, Callable[[bytes], object]] = {
    "x.json": json.loads,
    "x.npz": lambda data: np.load(io.BytesIO(data))["trace"],
    "x.csv": lambda data: next(csv.reader(io.StringIO(data.decode())))[7] == "value",
    "x.md": lambda data: "\n## weights" in "\n" + data.decode(),
    "x.markdown": lambda data: b"## weights" in data,
    "x.txt": lambda data: "─".encode() in data,
    "X.JSON": json.loads,
}


@pytest.mark.parametrize("name", SUFFIXES)
@pytest.mark.parametrize("command", ["explain", "heatmap"])
def test_the_suffix_of_a_file_chooses_its_format(call: Attn, tmp_path: Path, command: str, name: str) -> None:
    ran = call(command, EXAMPLE, "-o", name)
    written = size((tmp_path / name).stat().st_size)
    assert (ran.code, ran.data, ran.errors) == (0, b"", f"attn: wrote '{name}', {written}\n")
    assert SUFFIXES[name]((tmp_path / name).read_bytes()) is not False


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (7266, "7.27 kB"),
        (999_999, "1 MB"),
        (207_897, "208 kB"),
        (1_500_000, "1.5 MB"),
    ],
)
def test_sizes_are_said_to_three_digits(count: int, said: str) -> None:
    assert size(count) == said


def test_a_format_that_is_named_wins_over_the_suffix(call: Attn, tmp_path: Path) -> None:
    assert call("explain", EXAMPLE, "-o", "x.npz", "-f", "json").code == 0
    assert (tmp_path / "x.npz").read_bytes() == call("explain", EXAMPLE, "--json").data
    assert call("explain", EXAMPLE, "-o", "y", "--json", "--quiet").errors == ""
    assert (tmp_path / "y").read_bytes() == (tmp_path / "x.npz").read_bytes()


def test_what_a_file_is_is_decided_by_what_it_holds(call: Attn, tmp_path: Path) -> None:
    expected = call("explain", EXAMPLE, "--json").data
    for form in ("npz", "json", "safetensors"):
        call("explain", EXAMPLE, "-f", form, "-o", "x.csv")
        assert call("explain", "-w", "x.csv", "--json").data == expected
    np.save(tmp_path / "m.npy", np.eye(3))
    os.rename(tmp_path / "m.npy", tmp_path / "m.json")
    assert call("explain", "-w", "m.json", "--json").json()["layers"][0]["weights"] == [np.eye(3).tolist()]


def test_precision_and_looks_never_touch_data(call: Attn) -> None:
    for form in ("json", "npz", "csv", "safetensors"):
        plain = call("explain", EXAMPLE, "-f", form).data
        looks = ["--precision", "1", "--palette", "gray", "--color", "always", "--full"]
        assert call("explain", EXAMPLE, "-f", form, *looks).data == plain


def test_csv_has_a_line_for_each_number(call: Attn) -> None:
    options = ["a a,b", "--tokenizer", "whitespace", "--mask", "causal", "--heads", "2"]
    trace = call("explain", *options, "--json").json()["layers"][0]
    rows = list(csv.DictReader(io.StringIO(call("explain", *options, "-f", "csv").out)))
    assert list(rows[0]) == "layer head stage row column row_token column_token value layer_index".split()
    for row in rows:
        array = trace[row["stage"]]
        array = array[int(row["head"])] if row["head"] else array
        value = array[int(row["row"])][int(row["column"])]
        assert float(row["value"]) == (-math.inf if value is None else value)
        assert row["row_token"] == ["a", "a,b"][int(row["row"])]
        over_keys = row["stage"] in ("scores", "scaled", "masked", "weights")
        assert row["column_token"] == (["a", "a,b"][int(row["column"])] if over_keys else "")
    assert {row["value"] for row in rows if row["stage"] == "masked"} >= {"-inf"}
    sizes = [np.size(trace[stage]) for stage in trace["stages"]]
    assert len(rows) == sum(sizes)


def test_stages_heads_and_layers_can_be_chosen(call: Attn, tmp_path: Path) -> None:
    options = [TEXT, "--heads", "4", "--kv-heads", "2", "--dim", "8"]
    whole = call("explain", *options, "--json").json()["layers"][0]
    some = call("explain", *options, "--stage", "K,weights", "--stage", "output", "--head", "-1,0", "--json").json()
    layer = some["layers"][0]
    assert layer["stages"] == ["K", "weights", "output"]
    assert (layer["head_index"], layer["kv_head_index"]) == ([0, 3], [0, 1])
    assert layer["weights"] == [whole["weights"][0], whole["weights"][3]]
    assert layer["output"] == whole["output"]
    one = call("explain", *options, "--head", "2-3", "--json").json()["layers"][0]
    assert (one["kv_head_index"], one["K"]) == ([1], whole["K"][1:])
    assert call("explain", *options, "--stage", "all", "--head", "all", "--json").json()["layers"][0] == whole
    out = call("explain", *options, "--stage", "K,weights", "--head", "3").out
    assert "K = X · W_K" in out
    assert "Q = " not in out
    assert "shown: head 3" in out
    layers = {"layers": [{"weights": [[0.5, 0.5], [1, 0]]}, {"weights": [[0, 1], [0.25, 0.75]]}]}
    (tmp_path / "t.json").write_text(json.dumps(layers))
    chosen = call("heatmap", "-w", "t.json", "--layer", "-1", "--json").json()["layers"]
    assert [layer["name"] for layer in chosen] == ["layers.1"]
    assert "L0: weights" in call("heatmap", "-w", "t.json").out


def test_a_heatmap_has_the_weights_unless_another_stage_is_named(call: Attn) -> None:
    assert call("heatmap", TEXT, "--json").json()["layers"][0]["stages"] == ["weights"]
    assert call("heatmap", TEXT, "--stage", "scores", "--json").json()["layers"][0]["stages"] == ["scores"]


def test_a_text_replaces_the_tokens_of_a_table_and_labels_what_comes_later(call: Attn) -> None:
    again = call("explain", "b a b", "-w", "p.json", "--json").json()
    assert (again["tokens"], len(again["layers"][0]["X"])) == (["b", "a", "b"], 3)
    assert again["layers"][0]["X"][0] == [0, 1, -1]
    lower = call("explain", "A", "-w", "p.json", "--json").json()
    assert lower["layers"][0]["X"] == [[1, 2, 3]]
    labelled = call("explain", "uno due tre", "-w", "grouped.json", "--json").json()
    assert labelled["tokens"] == ["uno", "due", "tre"]
    call("explain", "uno due", "-w", "grouped.json").complains(1)
    trace = call("explain", TEXT, "--json")
    labelled = call("explain", "1 2 3 4 5 6", "-w", "-", "--json", stdin=trace.data).json()
    assert labelled["tokens"] == list("123456")
    assert labelled["layers"] == trace.json()["layers"]


def test_an_unknown_token_is_drawn_or_zero_where_that_is_asked_for(call: Attn) -> None:
    call("explain", "a z", "-w", "p.json").complains(1, "no vector for 'z'")
    zero = call("explain", "a z", "-w", "p.json", "--unknown", "zero", "--json").json()
    assert zero["layers"][0]["X"] == [[1, 2, 3], [0, 0, 0]]
    drawn = [
        call("explain", "a z", "-w", "p.json", "--unknown", "random", *seed, "--json").json()["layers"][0]["X"]
        for seed in ([], ["--seed", "0"], ["--seed", "7"])
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] == [1, 2, 3]


def test_the_same_word_has_the_same_vector_wherever_it_stands(call: Attn) -> None:
    one, other = (call("explain", text, "--json").json()["layers"][0]["X"] for text in ("x cat", "cat and cat"))
    assert one[1] == other[0] == other[2]


@pytest.mark.parametrize("name", ["weights", "trace"])
def test_schemas_are_schemas_and_accept_what_is_written(call: Attn, name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = call("schema", name).json()
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    if name == "trace":
        for source in SOURCES.values():
            validator(schema).validate(call("explain", *source, "--json").json())
        assert not validator(schema).is_valid({"format": "attn.trace", "version": 1, "layers": 3})
        return
    for options in (
        [TEXT],
        [TEXT, "--heads", "2", "--mask", "sliding:3", "--positions", "rope"],
        ["a", "--context", "b"],
    ):
        validator(schema).validate(call("init", *options).json())
    for name_, document in DOCUMENTS.items():
        assert validator(schema).is_valid(document), name_
    assert not validator(schema).is_valid(parameters(maks="causal"))
    assert not validator(schema).is_valid(parameters(W_Q=[[1, "2"]]))


@pytest.mark.parametrize("suffix", ["json", "npz", "safetensors"])
def test_what_init_writes_computes_the_same_again(call: Attn, suffix: str) -> None:
    options = [TEXT, "--heads", "2", "--mask", "sliding:3", "--positions", "rope:50", "--softcap", "4", "--seed", "5"]
    assert call("init", *options, "-o", f"mine.{suffix}").code == 0
    mine, again = (call("explain", *source, "--json").json() for source in (options, ["-w", f"mine.{suffix}"]))
    assert mine["layers"] == again["layers"]
    assert mine["tokens"] == again["tokens"]


def test_bare_matrices_are_weights_unless_they_are_said_to_be_scores(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("0.5,0.5\n1,0\n")
    np.save(tmp_path / "m.npy", np.array([[0.5, 0.5], [1, 0]]))
    for path in ("m.csv", "m.npy"):
        layer = call("explain", "-w", path, "--json").json()["layers"][0]
        assert (layer["stages"], layer["weights"]) == (["weights"], [[[0.5, 0.5], [1, 0]]])
        layer = call("explain", "x y", "-w", path, "--as", "scores", "--scale", "none", "--json").json()["layers"][0]
        assert layer["scores"] == [[[0.5, 0.5], [1, 0]]]
        assert layer["weights"][0][1][0] == pytest.approx(math.e / (math.e + 1))
    call("explain", "-w", "m.csv", "--as", "scores").complains(1, "scores need d_k, or a scale")
    call("explain", "-w", "p.json", "--as", "scores").complains(2, "--as scores is for a bare matrix")


def test_the_keys_of_containers_are_paths(call: Attn, tmp_path: Path) -> None:
    trace = call("explain", TEXT, "--heads", "2", "--json").json()["layers"][0]
    call("explain", TEXT, "--heads", "2", "-o", "t.npz")
    call("explain", TEXT, "--heads", "2", "-o", "t.safetensors")
    with np.load(tmp_path / "t.npz") as npz:
        assert set(npz) == {"trace", *(f"layers.0.{stage}" for stage in trace["stages"])}
        assert npz["layers.0.weights"].tolist() == trace["weights"]
        assert json.loads(str(npz["trace"]))["format"] == "attn.trace"
    tensors = load_file(tmp_path / "t.safetensors")
    assert tensors["layers.0.output"].tolist() == trace["output"]


def test_a_dump_of_ones_own_is_read(call: Attn, tmp_path: Path) -> None:
    weights = np.array([[[0.5, 0.5], [1, 0]], [[0.25, 0.75], [0, 1]]], dtype=np.float32)
    np.savez(
        tmp_path / "d.npz", **{"layers.0.weights": weights, "layers.10.weights": weights, "layers.2.weights": weights}
    )
    save_file({"layers.0.weights": weights}, tmp_path / "d.safetensors")
    layers = call("explain", "-w", "d.npz", "--json").json()["layers"]
    assert [layer["name"] for layer in layers] == ["layers.0", "layers.2", "layers.10"]
    assert layers[0]["weights"] == weights.tolist()
    assert layers[0]["dtype"] == "float32"
    for path in ("d.npz", "d.safetensors"):
        assert call("heatmap", "uno due", "-w", path, "--head", "1", "--layer", "0").code == 0
        why = call(
            "why", "uno due", "-w", path, "--layer", "0", "--head", "1", "--query", "uno", "--key", "due", "--json"
        )
        assert why.json()["weight"] == 0.75


def test_an_option_changes_the_arithmetic_of_what_is_stored(call: Attn) -> None:
    trace = call("explain", TEXT, "--json")
    direct = call("explain", TEXT, "--mask", "causal", "--softcap", "2", "--json").json()["layers"][0]
    changed = call("explain", "-w", "-", "--mask", "causal", "--softcap", "2", "--json", stdin=trace.data).json()
    assert changed["layers"][0]["stages"] == direct["stages"]
    assert changed["layers"][0]["weights"] == direct["weights"]
    assert call("explain", "-w", "-", "--mask", "none", "--json", stdin=trace.data).data == trace.data


def test_quiet_says_nothing(call: Attn) -> None:
    assert call("explain", TEXT, "-o", "x.json", "-q").errors == ""
    assert call("init", TEXT, "-o", "y.json", "--quiet").errors == ""


def test_other_results_are_versioned_and_not_read_back(call: Attn, tmp_path: Path) -> None:
    for command in (["why", TEXT, "--query", "cat"], ["compare", TEXT, "the dog sat"]):
        made = call(*command, "-o", "r.json")
        assert made.data == b""
        found = json.loads((tmp_path / "r.json").read_text())
        assert (found["format"], found["version"]) == (f"attn.{command[0]}", 1)
        call("explain", "-w", "r.json").complains(1, "r.json")
