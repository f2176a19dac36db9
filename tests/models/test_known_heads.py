"""The sample checkpoint, whose heads are known, through the command line."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.cli.boundary import run

pytest.importorskip("tokenizers")
SAMPLE = str(Path(__file__).parents[2] / "samples" / "known-heads")
TEXT = "the cat sat on the mat and the cat"


def attn(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, str, list[str]]:
    code = run(list(arguments))
    output = capsysbinary.readouterr()
    return code, output.out.decode(), output.err.decode().splitlines()


@pytest.fixture
def trace(capsysbinary: pytest.CaptureFixture[bytes]) -> dict[str, Any]:
    code, out, _ = attn(capsysbinary, "heatmap", "-m", SAMPLE, TEXT, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_head_does_what_it_was_made_for(trace: dict[str, Any]) -> None:
    tokens = trace["tokens"]
    assert tokens == ["<s>", *TEXT.split()]
    first, second = (np.array(layer["weights"]) for layer in trace["layers"])
    n = len(tokens)
    np.testing.assert_array_equal(first[0].argmax(1), [0, *range(n - 1)])  # the token before
    np.testing.assert_array_equal(first[1].argmax(1), np.zeros(n))  # the first token
    np.testing.assert_allclose(first[2][8], np.isin(range(n), [1, 5, 8]) / 3, atol=1e-3)  # the same word
    np.testing.assert_allclose(first[3], np.tril(np.ones((n, n))) / np.arange(1, n + 1)[:, None], atol=1e-6)  # even
    assert second[0][9].argmax() == 3  # induction: what came after "cat" before is "sat"
    assert second[0][5].argmax() == 2
    np.testing.assert_array_equal(second[1].argmax(1), range(n))  # itself


def test_data_holds_the_weights_of_all_heads_unless_more_is_asked_for(
    trace: dict[str, Any], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert [layer["stages"] for layer in trace["layers"]] == [["weights"], ["weights"]]
    assert trace["token_ids"][0] == 0
    assert trace["source"]["kind"] == "checkpoint"
    arguments = ("explain", "-m", SAMPLE, TEXT, "--json", "--layer", "-1", "--head", "0", "--stage", "Q,weights")
    code, out, _ = attn(capsysbinary, *arguments)
    (layer,) = json.loads(out)["layers"]
    assert (code, layer["stages"], layer["head_index"], layer["name"]) == (0, ["Q", "weights"], [0], "layers.1")
    np.testing.assert_array_equal(layer["weights"][0], trace["layers"][1]["weights"][0])


def test_the_screen_has_the_atlas_until_a_layer_and_head_are_chosen(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    _, shown, _ = attn(capsysbinary, "explain", "-m", SAMPLE, TEXT)
    atlas = shown.splitlines()
    assert [line[:2] for line in atlas if re.match("L[01] ", line)] == ["L0", "L1"]  # a row for each layer
    assert re.fullmatch(r"head 0 +1 +2 +3", atlas[2])
    assert "Zoom in: add --head L1.0" in shown
    _, stages, _ = attn(capsysbinary, "explain", "-m", SAMPLE, TEXT, "--layer", "0", "--head", "1", "--next", "2")
    for heading in ("residual", "X = norm(residual)", "Q = X · W_Q + b_Q", "weights = softmax(masked)", "W_O"):
        assert heading in stages
    assert 'next: "sat" 99.' in stages


def test_why_chooses_a_head_where_none_is_named(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    code, out, _ = attn(capsysbinary, "why", "-m", SAMPLE, TEXT, "--query", "-1")
    assert code == 0
    assert re.search(r"note: L\d\.\d, the strongest of 8 heads for this query", out)
    arguments = ("why", "-m", SAMPLE, TEXT, "--query", "-1", "--key", "sat", "--layer", "1", "--head", "0", "--json")
    code, out, _ = attn(capsysbinary, *arguments)
    assert code == 0
    assert json.loads(out)["weight"] > 0.99


def test_token_ids_stand_for_the_text(
    trace: dict[str, Any], capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    ids = ",".join(map(str, trace["token_ids"]))
    _, out, _ = attn(capsysbinary, "heatmap", "-m", SAMPLE, "--ids", ids, "--json")
    assert json.loads(out)["layers"][1]["weights"] == trace["layers"][1]["weights"]
    assert json.loads(out)["tokens"] == trace["tokens"]
    shutil.copytree(SAMPLE, tmp_path / "bare")
    os.unlink(tmp_path / "bare" / "tokenizer.json")
    _, out, _ = attn(capsysbinary, "heatmap", "-m", str(tmp_path / "bare"), "--ids", ids, "--json")
    assert json.loads(out)["tokens"][:2] == ["#0", f"#{trace['token_ids'][1]}"]


def test_special_tokens_can_be_left_out(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = attn(capsysbinary, "heatmap", "-m", SAMPLE, "The cat", "--no-special", "--json")
    assert json.loads(out)["tokens"] == ["the", "cat"]
    assert json.loads(out)["notes"] == []


def test_two_texts_are_compared_under_one_model(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rounding = ("-m", SAMPLE, "--tolerance", "1e-4", "--json")
    code, out, _ = attn(capsysbinary, "compare", "the cat sat", "the dog sat", *rounding)
    assert (code, json.loads(out)["first"]) == (0, None)
    code, out, _ = attn(capsysbinary, "compare", "the cat sat the", "the dog the the", *rounding)
    assert (code, json.loads(out)["first"]) == (3, {"layer": "layers.0", "layer_index": 0, "stage": "weights"})


REFUSED = [
    (("heatmap", "-m", SAMPLE), 1, "there is no text"),
    (("heatmap", "-m", SAMPLE, ""), 1, "the text is empty"),
    (("heatmap", "-m", SAMPLE, TEXT, "--layer", "2"), 1, "there is no layer 2"),
    (("heatmap", "-m", SAMPLE, TEXT, "--layer", "encoder.0"), 1, "there is no layer"),
    (("heatmap", "-m", SAMPLE, TEXT, "--head", "4"), 1, "there is no head 4"),
    (("heatmap", "-m", SAMPLE, TEXT, "--stage", "Q_rotated"), 1, "no stage 'Q_rotated'"),
    (("heatmap", "-m", SAMPLE, TEXT, "--seed", "3"), 2, "--seed cannot act here"),
    (("heatmap", "-m", SAMPLE, TEXT, "-w", "x.json"), 2, "-w cannot act here"),
    (("heatmap", "-m", SAMPLE, "--ids", "1,x"), 2, "not a list of whole numbers"),
    (("heatmap", "-m", SAMPLE, "--ids", "1,480"), 1, "there is no token id 480"),
    (("heatmap", "-m", SAMPLE, TEXT, "--ids", "1"), 2, "both given"),
    (("heatmap", "-m", SAMPLE, "--ids", "1,2", "--pair", "x"), 2, "--pair cannot act here"),
    (("heatmap", "-m", SAMPLE, "--ids", "1,2", "--no-special"), 2, "--no-special cannot act here"),
    (("heatmap", "-m", SAMPLE, TEXT, "--target", "x"), 2, "no decoder of its own"),
    (("heatmap", "-m", SAMPLE, " ".join(["cat"] * 50)), 1, "more than the 48 positions"),
    (("heatmap", TEXT, "--words"), 2, "--words cannot act here"),
    (("heatmap", "-m", "./no-such-folder", TEXT), 1, "no such folder"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED)
def test_what_cannot_be_is_said_in_two_lines(
    arguments: tuple[str, ...], code: int, message: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    left, out, lines = attn(capsysbinary, *arguments)
    assert (left, out, len(lines)) == (code, "", 2), lines
    assert message in lines[0]
