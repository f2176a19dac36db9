"""L3.5 is head 5 of layer 3, wherever a layer or head is chosen; E, D and X name the stacks of a pair."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Attn

MODEL = ["-m", str(ROOT / "samples" / "known-heads")]
TEXT = "the cat sat on the mat"


def heads_of(document: Any) -> list[tuple[str, int]]:
    """The layer and head of every head in a trace."""
    return [(layer["name"], head) for layer in document["layers"] for head in layer["head_index"]]


@pytest.mark.parametrize(
    "address", [["--head", "L1.2"], ["--layer", "L1.2"], ["--layer", "L1", "--head", "2"], ["--head", "1.2"]]
)
@pytest.mark.parametrize(
    "command", [["explain", "--brief"], ["heatmap"], ["why", "--query", "-1"], ["why", "--query", "-1", "--key", "0"]]
)
def test_an_address_chooses_what_a_layer_and_a_head_choose(call: Attn, command: list[str], address: list[str]) -> None:
    wide = {"COLUMNS": "400"}
    plain = call(*command, *MODEL, TEXT, "--layer", "1", "--head", "2", env=wide)
    assert (plain.code, plain.errors) == (0, "")
    lines = [line for line in call(*command, *MODEL, TEXT, *address, env=wide).lines if "Made with: " not in line]
    assert lines == [line for line in plain.lines if "Made with: " not in line]


def test_a_list_of_addresses_chooses_heads_of_several_layers(call: Attn) -> None:
    for options in (
        ["--head", "L1.2,L0.1,L0.3"],
        ["--layer", "L1.2,L0.1,L0.3"],
        ["--head", "L0.1,L0.3", "--layer", "L1.2"],
    ):
        trace = call("heatmap", *MODEL, TEXT, *options, "--json").json()
        assert heads_of(trace) == [("layers.0", 1), ("layers.0", 3), ("layers.1", 2)]
    measured = call("heads", *MODEL, TEXT, "--head", "L1.2,L0.1", "--json").json()["heads"]
    assert [(head["layer"], head["head"]) for head in measured] == [("layers.0", 1), ("layers.1", 2)]


@pytest.mark.parametrize("how", [["--by", "ablation"], ["--writes"]])
def test_addresses_choose_among_the_heads_that_write(call: Attn, how: list[str]) -> None:
    heads = call("heads", *MODEL, TEXT, *how, "--head", "L1.2,L0.1", "--json").json()["heads"]
    assert sorted((head["layer"], head["head"]) for head in heads) == [("layers.0", 1), ("layers.1", 2)]


@pytest.mark.parametrize("name", ["mean", "norm", "rollout"])
def test_addresses_choose_what_is_combined(call: Attn, name: str) -> None:
    combined = call("heatmap", *MODEL, TEXT, "--aggregate", name, "--head", "L1.2", "--json").json()
    assert (
        combined["matrix"]
        == call("heatmap", *MODEL, TEXT, "--aggregate", name, "--layer", "1", "--head", "2", "--json").json()["matrix"]
    )


def test_a_head_is_ablated_by_its_address(call: Attn) -> None:
    plain, addressed = (
        call("heatmap", *MODEL, TEXT, "--without-head", head, "--json").json()["layers"] for head in ("0.1", "L0.1")
    )
    assert plain == addressed
    call("heatmap", *MODEL, TEXT, "--without-head", "L9.0").complains(1, "L9")


def test_parameters_are_written_of_an_address(call: Attn) -> None:
    plain = call("init", *MODEL, TEXT, "--layer", "1", "--head", "2")
    assert plain.code == 0
    assert plain == call("init", *MODEL, TEXT, "--head", "L1.2") == call("init", *MODEL, TEXT, "--layer", "L1.2")
    call("init", *MODEL, TEXT, "--head", "L1.2,L0.1").complains(1, "2 layers")


def test_two_heads_are_compared_by_their_addresses(call: Attn) -> None:
    plain = call(
        "compare", *MODEL, TEXT, "--layer", "0", "--head", "1", "--with", "layer=1", "--with", "head=2", "--json"
    )
    assert plain.code == 3
    assert plain == call("compare", *MODEL, TEXT, "--head", "L0.1", "--with", "head=L1.2", "--json")


def test_the_stacks_of_a_pair_have_letters_of_their_own(call: Attn, tmp_path: Path) -> None:
    attention = {"heads": 2, "kv_heads": 2, "weights": [[[0.5, 0.5], [0.25, 0.75]]] * 2}
    names = {
        "encoder.layers.0": "context_tokens",
        "decoder.layers.0": "tokens",
        "decoder.layers.0.cross": "context_tokens",
    }
    layers = [
        {
            "name": name,
            "kind": "cross" if name.endswith("cross") else "self",
            "queries": "context_tokens" if name.startswith("encoder") else "tokens",
            "keys": keys,
            **attention,
        }
        for name, keys in names.items()
    ]
    trace = {"format": "attn.trace", "version": 1, "tokens": ["a", "b"], "context_tokens": ["c", "d"], "layers": layers}
    (tmp_path / "pair.json").write_text(json.dumps(trace))
    for spelled, expected in {
        "E0.1": [("encoder.layers.0", 1)],
        "D0.0,X0.1": [("decoder.layers.0", 0), ("decoder.layers.0.cross", 1)],
        "decoder.0.cross.1": [("decoder.layers.0.cross", 1)],
    }.items():
        ran = call("heatmap", "-w", "pair.json", "--head", spelled, "--json")
        assert ran.errors == ""
        assert heads_of(ran.json()) == expected
    assert heads_of(call("heatmap", "-w", "pair.json", "--layer", "X0", "--json").json()) == [
        ("decoder.layers.0.cross", 0),
        ("decoder.layers.0.cross", 1),
    ]
    call("heatmap", "-w", "pair.json", "--head", "L0.1").complains(1, "there is no layer 'L0'")


@pytest.mark.parametrize(
    ("options", "code", "parts"),
    [
        (["--head", "L9.0"], 1, ("there is no layer 'L9'", "L0 to L1")),
        (["--head", "L1.9"], 1, ("L1: there is no head 9", "heads are 0 to 3")),
        (["--layer", "0", "--head", "L1.2"], 1, ("L1", "--layer 0 leaves out")),
        (["--head", "L1"], 2, ("there is no head 'L1'", "L3.5")),
        (["--head", "L1.x"], 2, ("there is no head 'L1.x'", "L3.5")),
        (["--head", "E0.1"], 1, ("there is no layer 'E0'", "L0 to L1")),
    ],
)
def test_an_address_that_is_not_there_is_answered(
    call: Attn, options: list[str], code: int, parts: tuple[str, ...]
) -> None:
    for command in (["heatmap"], ["heads"], ["heads", "--by", "ablation"], ["heatmap", "--aggregate", "mean"]):
        call(*command, *MODEL, TEXT, *options).complains(code, *parts)


def named_layers(value: Any) -> list[tuple[str, Any]]:
    """Every layer that a result names, with the number beside it."""
    if isinstance(value, list):
        return [pair for item in value for pair in named_layers(item)]
    if not isinstance(value, dict):
        return []
    named = [pair for item in value.values() for pair in named_layers(item)]
    return [*named, (value["layer"], value.get("layer_index"))] if isinstance(value.get("layer"), str) else named


@pytest.mark.parametrize(
    "arguments",
    [
        ["heads", *MODEL, TEXT],
        ["heads", *MODEL, TEXT, "--by", "ablation"],
        ["heads", *MODEL, TEXT, "--writes"],
        ["why", *MODEL, TEXT, "--head", "L1.2", "--query", "1"],
        ["why", *MODEL, TEXT, "--head", "L1.2", "--query", "1", "--key", "0"],
        ["compare", *MODEL, TEXT, "--with", "mask=none"],
        ["check", str(ROOT / "samples" / "dump-unscaled.npz")],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[4:6]),
)
def test_a_result_that_names_a_layer_gives_its_number_too(call: Attn, arguments: list[str]) -> None:
    named = named_layers(call(*arguments, "--json").json())
    assert named
    assert all(name == f"layers.{number}" and isinstance(number, int) for name, number in named)


@pytest.mark.parametrize("arguments", [["heatmap", *MODEL, TEXT], ["heads", *MODEL, TEXT]])
def test_a_line_of_csv_gives_the_number_of_its_layer(call: Attn, arguments: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(call(*arguments, "-f", "csv").out)))
    assert {(row["layer"], row["layer_index"]) for row in rows} == {("layers.0", "0"), ("layers.1", "1")}


def test_layers_that_are_combined_have_numbers(call: Attn) -> None:
    layers = call("heatmap", *MODEL, TEXT, "--aggregate", "mean", "--json").json()["layers"]
    assert [(layer["name"], layer["layer_index"]) for layer in layers] == [("layers.0", 0), ("layers.1", 1)]
