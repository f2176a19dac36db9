"""Where queries stand: a mask that starts at the first key reads alike, however a document or trace spells it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attn_cli.sources.documents.reading import read_document
from attn_cli.trace.trace import Layer, Trace
from tests.cli.conftest import Attn, call  # noqa: F401

WEIGHTS = [[1, 0, 0], [0.4, 0.6, 0]]
FIRST: Mapping[str, Any] = {
    "document of weights": {"tokens": ["a", "b", "c"], "weights": WEIGHTS},
    "document of scores": {"tokens": ["a", "b", "c"], "scores": [[1, 9, 9], [2, 3, 9]], "scale": "none"},
    "trace": {"tokens": ["a", "b", "c"], "token_ids": [7, 8, 9], "layers": [{"weights": WEIGHTS}]},
    "biased trace": {
        "tokens": ["a", "b", "c"],
        "layers": [{"scores": [[0, 0, 0]] * 2, "biased": [[0, -1, -2], [-1, 0, -1]], "positions": "alibi", "scale": 1}],
    },
}
COMMANDS = (
    ("explain",), ("explain", "--json"), ("heatmap", "--numbers"), ("why", "--query", "1", "--key", "0"), ("check",),
    ("explain", "x y z"), ("explain", "--mask", "none"),
)  # fmt: skip
SPELLINGS = ("causal:start", "causal:align=start", " causal:align=start ")


def spelled(document: Mapping[str, Any], mask: str) -> dict[str, Any]:
    if "layers" in document:
        return {**document, "layers": [layer | {"mask": mask} for layer in document["layers"]]}
    return {**document, "mask": mask}


def layer_of(mask: str, **changes: Any) -> Layer:
    document = {"tokens": ["a", "b", "c"], "layers": [{"weights": WEIGHTS, "mask": mask} | changes]}
    trace = read_document(json.dumps(document).encode(), "t.json")
    assert isinstance(trace, Trace)
    return trace.layers[0]


@pytest.mark.parametrize("name", FIRST)
def test_every_command_says_the_same_of_both_spellings(call: Attn, tmp_path: Path, name: str) -> None:  # noqa: F811
    said = []
    for mask in SPELLINGS:
        (tmp_path / "d.json").write_text(json.dumps(spelled(FIRST[name], mask)))
        rans = [call(*command, "-w", "d.json") for command in COMMANDS]
        said.append([(ran.code, ran.out, ran.errors) for ran in rans])
    assert said[1] == said[0]
    assert said[2] == said[0]
    assert 0 in {code for code, _, _ in said[0]}
    assert 2 not in {code for code, _, _ in said[0][:-1]}


def test_a_query_that_stands_on_its_own_key_attends_to_itself(call: Attn, tmp_path: Path) -> None:  # noqa: F811
    for mask in SPELLINGS:
        (tmp_path / "d.json").write_text(json.dumps(spelled(FIRST["trace"], mask)))
        assert "itself 60%, a 40%" in call("explain", "-w", "d.json").out
    (tmp_path / "d.json").write_text(json.dumps(spelled(FIRST["trace"], "causal")))
    assert "b 60%, a 40%" in call("explain", "-w", "d.json").out


@pytest.mark.parametrize("mask", SPELLINGS)
def test_a_trace_that_starts_at_the_first_key_has_the_first_tokens_for_queries(mask: str) -> None:
    layer = layer_of(mask)
    assert (layer.query_tokens, layer.key_tokens) == (("a", "b"), ("a", "b", "c"))
    assert (layer.from_start, layer.first_query, layer.settings.mask) == (True, 0, "causal:start")
    layer = layer_of(mask, weights=[[1.0], [1.0], [1.0]])
    assert (layer.query_tokens, layer.key_tokens) == (("a", "b", "c"), ("a",))


def test_other_masks_leave_the_last_query_on_the_last_key() -> None:
    layer = layer_of("sliding:window=2")
    assert (layer.query_tokens, layer.first_query, layer.settings.mask) == (("b", "c"), 1, "sliding:2")
    cross = layer_of("none", kind="cross", keys="tokens")
    assert (cross.query_tokens, cross.first_query) == (("a", "b"), None)
