"""--aggregate, --drop and --color-scale from outside."""

import re
from pathlib import Path

import numpy as np
import pytest

from attn_cli.analysis.aggregation.aggregates import METHODS
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from tests.cli.conftest import Attn

pytest.importorskip("tokenizers")
SAMPLE = str(Path(__file__).parents[2] / "samples" / "known-heads")
TEXT = "the cat sat on the mat and the cat"
KNOWN = ("-m", SAMPLE, TEXT)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("command", ["heatmap", "explain"])
def test_every_aggregation_says_what_it_is_and_what_its_rows_sum_to(call: Attn, command: str, name: str) -> None:
    shown = call(command, *KNOWN, "--aggregate", name)
    assert shown.code == 0, shown
    words = " ".join(shown.out.split())
    method = METHODS[name]
    for part in (f"{name}: {method.definition}", f"source: {method.citation}", f"row sums: {method.rows_sum_to}"):
        assert part in words
    found = call(command, *KNOWN, "--aggregate", name, "--json").json()
    assert (found["format"], found["version"], found["method"]) == ("attn.aggregate", 1, name)
    assert np.array(found["matrix"]).shape == (10, 10)
    assert found["layers"] == [
        {"name": f"layers.{place}", "layer_index": place, "heads": [0, 1, 2, 3]} for place in range(2)
    ]


def test_the_induction_head_stands_out_once_the_first_token_is_left_out(call: Attn) -> None:
    found = call(
        "heatmap", *KNOWN, "--aggregate", "mean", "--layer", "1", "--head", "0", "--drop", "first", "--json"
    ).json()
    assert (found["key_tokens"], found["left_out"]) == (TEXT.split(), [{"index": 0, "token": "<s>"}])
    matrix = np.array(found["matrix"])
    np.testing.assert_allclose(matrix[1:].sum(axis=1), 1)
    assert matrix[9].argmax() == 2
    whole = np.array(call("heatmap", *KNOWN, "--layer", "1", "--head", "0", "--json").json()["layers"][0]["weights"][0])
    np.testing.assert_allclose(found["hidden_mass"], whole[:, 0].mean(), rtol=1e-6)


@pytest.mark.parametrize("command", ["heatmap", "explain"])
@pytest.mark.parametrize("more", [(), ("--layer", "0", "--head", "1"), ("--aggregate", "mean")])
def test_every_view_without_some_keys_says_how_much_they_held(call: Attn, command: str, more: tuple[str, ...]) -> None:
    shown = call(command, *KNOWN, *more, "--drop", "special")
    assert re.search(r"<s> \(key 0\) left out: it held \d+% of the attention", " ".join(shown.out.split()))


@pytest.mark.parametrize("name", COLOR_SCALES)
def test_a_color_scale_says_what_colors_mean(call: Attn, name: str) -> None:
    shown = call("heatmap", *KNOWN, "--layer", "0", "--color-scale", name)
    assert COLOR_SCALES[name].meaning in " ".join(shown.out.split())
    assert "left out" not in shown.out


def test_a_trace_on_standard_input_is_read_once_and_keeps_what_it_can(call: Attn) -> None:
    trace = call("explain", *KNOWN, "--stage", "weights,V", "--json").data
    again = call("heatmap", "-w", "-", "--aggregate", "value-norm", "--json", stdin=trace).json()
    assert again["matrix"] == call("heatmap", *KNOWN, "--aggregate", "value-norm", "--json").json()["matrix"]
    call("heatmap", "-w", "-", "--aggregate", "norm", stdin=trace).complains(1, "needs W_O", "-m")


LONG = ",".join(["1"] * 33)
REFUSED = [
    ((*KNOWN, "--aggregate", "sum"), 2, "there is no aggregation 'sum'", "rollout"),
    (("-m", SAMPLE, "--ids", LONG, "--aggregate", "flow"), 1, "up to 32 tokens, and this text has 33", "rollout"),
    ((*KNOWN, "--aggregate", "mean", "--stage", "Q"), 2, "--stage cannot act here", "leave --stage out"),
    ((*KNOWN, "--aggregate", "norm", "--words"), 2, "--words cannot act here", "leave --words out"),
    ((*KNOWN, "--aggregate", "effective", "--drop", "first"), 2, "--drop cannot act here", "below 0"),
    ((*KNOWN, "--aggregate", "mean", "-f", "npz"), 2, "holds no arrays", "json"),
    ((*KNOWN, "--aggregate", "mean", "--head", "9"), 1, "no head 9", "0 to 3"),
    (("a b", "--aggregate", "contribution"), 1, "needs the residual stream", "-m"),
    ((*KNOWN, "--drop", "dog"), 1, "no key 'dog'", "the tokens are"),
    (("a b", "--drop", "special"), 1, "no key is a special token", "--drop first"),
    ((*KNOWN, "--drop", "first", "--json"), 2, "--drop cannot act here", "--aggregate"),
    (("a b", "--drop", "first", "--stage", "scores"), 2, "act on weights", "--stage weights"),
    (("a b", "--drop", "first", "--stage", "scores,weights"), 2, "weights alone", "leave"),
    (("a b", "--color-scale", "square"), 2, "there is no color scale 'square'", "linear, log, row, rank"),
]


@pytest.mark.parametrize(("arguments", "code", "message", "hint"), REFUSED)
def test_what_cannot_be_is_said_in_two_lines(
    call: Attn, arguments: tuple[str, ...], code: int, message: str, hint: str
) -> None:
    call("heatmap", *arguments).complains(code, message, hint)


def test_csv_counts_all_keys_and_has_no_line_for_those_left_out(call: Attn) -> None:
    lines = call("heatmap", "a , a", "--aggregate", "mean", "--drop", "0", "-f", "csv").out.splitlines()
    assert lines[0] == "row,column,row_token,column_token,value"
    assert [line.rsplit(",", 1)[0] for line in lines[1:3]] == ['0,1,a,","', "0,2,a,a"]
    assert len(lines) == 1 + 3 * 2


def test_words_are_rolled_out_like_tokens(call: Attn) -> None:
    found = call("heatmap", *KNOWN, "--aggregate", "rollout", "--words", "--json").json()
    np.testing.assert_allclose(np.array(found["matrix"]).sum(axis=1), 1)
    assert found["key_tokens"] == ["<s>", *TEXT.split()]
