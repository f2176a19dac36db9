"""`attn read` from the command line: its shares are the heatmap's, and bad input is answered in two lines."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attn_cli.views.drawing.text import MARK, cells
from tests.cli.conftest import ROOT, Attn
from tests.cli.documents import parameters
from tests.cli.test_screen import HOSTILE

KNOWN = str(ROOT / "samples" / "known-heads")
SINK = str(ROOT / "samples" / "two-heads.json")
CAT = "the cat sat on the mat and the cat"
COLORS = re.compile(r"\x1b\[[0-9;]*m")

MASKS = ("none", "causal", "sliding:3", "local:2", "prefix:2")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), min_size=1, max_size=12),
    heads=st.integers(1, 3),
    mask=st.sampled_from(MASKS),
    data=st.data(),
)
def test_shares_are_those_of_the_heatmap(
    call: Attn, words: list[str], heads: int, mask: str, data: st.DataObject
) -> None:
    text = " ".join(words)
    options = [text, "--heads", heads, "--dim", 6, "--mask", mask, "--json"]
    query = data.draw(st.integers(0, len(words) - 1))
    weights = np.array(call("heatmap", *options).json()["layers"][0]["weights"])
    one = call("read", *options, "--query", query, "--each").json()
    assert [reading["shares"] for reading in one["readings"]] == weights[:, query].tolist()
    mean = call("read", *options, "--query", query).json()["readings"][0]["shares"]
    np.testing.assert_allclose(mean, weights[:, query].mean(axis=0), rtol=1e-12)
    every = call("read", *options, "--query", "all").json()
    np.testing.assert_allclose(every["readings"][0]["shares"], weights.mean(axis=(0, 1)), rtol=1e-12, atol=1e-15)
    assert every["query"]["mean_over"] == len(words)


@pytest.mark.parametrize("words", [[], ["--words"], ["--raw-tokens"]])
@pytest.mark.parametrize("query", ["-1", "2", "all"])
def test_shares_of_a_checkpoint_are_those_of_its_heatmap(call: Attn, words: list[str], query: str) -> None:
    pytest.importorskip("tokenizers")
    layers = call("heatmap", "-m", KNOWN, CAT, *words, "--json").json()["layers"]
    weights = np.array([layer["weights"] for layer in layers])  # (layer, head, query, key)
    read = call("read", "-m", KNOWN, CAT, *words, "--query", query, "--each", "--json").json()
    shares = np.array([reading["shares"] for reading in read["readings"]]).reshape(weights[:, :, 0].shape)
    expected = weights.mean(axis=2) if query == "all" else weights[:, :, int(query)]
    np.testing.assert_allclose(shares, expected, rtol=1e-6, atol=1e-7)
    heads = [(head["layer"], head["head"]) for reading in read["readings"] for head in reading["heads"]]
    assert heads == [(f"layers.{layer}", head) for layer in range(2) for head in range(4)]


def test_a_stored_trace_reads_like_the_run_that_made_it(call: Attn, tmp_path: Path) -> None:
    options = ["the cat sat", "--heads", 2, "--mask", "causal"]
    call("explain", *options, "-o", tmp_path / "trace.npz")
    for query in ("0", "1", "all"):
        stored = call("read", "-w", "trace.npz", "--query", query, "--json").json()["readings"]
        assert stored == call("read", *options, "--query", query, "--json").json()["readings"]


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("stage", ["weights", "scores"])
def test_a_document_that_starts_later_is_read_too(call: Attn, tmp_path: Path, stage: str, mask: str) -> None:
    array = call("explain", "the cat sat", "--stage", stage, "--json").json()["layers"][0][stage]
    document = {"tokens": ["the", "cat", "sat"], stage: array, "mask": mask} | ({"d_k": 4} if stage == "scores" else {})
    (tmp_path / "later.json").write_text(json.dumps(document))
    read = call("read", "-w", "later.json", "--query", "1", "--json").json()["readings"][0]
    weights = call("heatmap", "-w", "later.json", "--json").json()["layers"][0]["weights"][0]
    assert read["shares"] == weights[1]
    assert read["masked"] == [False, False, mask == "causal" and weights[1][2] == 0]


def test_context_is_the_text_that_is_read(call: Attn) -> None:
    read = call("read", "two words", "--context", "the text\nto read", "--json").json()
    assert read["keys"] == ["the", "text", "to", "read"]
    out = call("read", "two words", "--context", "the text\nto read").out
    assert '"words" (query 1)' in out
    assert "»" not in out  # the query is not in the text


def test_csv_has_a_line_for_each_token(call: Attn) -> None:
    rows = list(csv.DictReader(io.StringIO(call("read", "the cat sat", "-f", "csv", "--mask", "causal").out)))
    assert [row["key_token"] for row in rows] == ["the", "cat", "sat"]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)
    rows = list(csv.DictReader(io.StringIO(call("read", "a b", "-f", "csv", "--mask", "causal", "--query", "0").out)))
    assert [row["masked"] for row in rows] == ["false", "true"]
    assert rows[0]["head"] == "L0.0"


def test_drop_leaves_a_key_out_and_rescales_the_rest(call: Attn) -> None:
    options = ["the cat sat on", "--json", "--query", "2"]
    shares = np.array(call("read", *options).json()["readings"][0]["shares"])
    reading = call("read", *options, "--drop", "first").json()["readings"][0]
    np.testing.assert_allclose(reading["shares"], [0, *(shares[1:] / shares[1:].sum())])
    assert reading["dropped"] == [0]
    assert call("read", *options, "--drop", "none").json()["readings"][0]["shares"] == shares.tolist()
    assert "left out: it held" in call("read", "the cat sat on", "--drop", "first").out


def test_several_heads_are_a_mean_that_says_so(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    assert "mean of L0.1, L1.2" in call("read", "-m", KNOWN, CAT, "--head", "L0.1,L1.2").lines[0]
    assert "mean of L1.0, L1.1, L1.2, L1.3" in call("read", "-m", KNOWN, CAT, "--layer", "1").lines[0]
    assert "mean of 8 heads in 2 layers" in call("read", "-m", KNOWN, CAT).lines[0]
    assert call("read", "-m", KNOWN, CAT, "--head", "L1.2").lines[0].endswith("· L1.2")


def test_a_sink_is_named_with_the_option_that_leaves_it_out(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    out = " ".join(call("read", "-m", KNOWN, CAT, "--head", "L0.1").out.split())
    assert "Special tokens are often attention sinks: --drop special." in out
    assert "often an attention sink: --drop first" in " ".join(call("read", "-w", SINK).out.split())
    # A query that sees one key alone has no choice.
    assert "sink" not in call("read", "the cat", "--mask", "causal", "--query", "0").out


def test_precision_adds_digits_that_still_add_up(call: Attn) -> None:
    shares = np.array(call("read", "the cat sat on", "--json").json()["readings"][0]["shares"])
    out = call("read", "the cat sat on", "--precision", "3").out
    marks = [float(mark) for mark in re.findall(r"\](\d+\.\d{3})%", out)]
    np.testing.assert_allclose(marks, 100 * shares, atol=0.001)
    assert sum(marks) == pytest.approx(100, abs=1e-9)
    answer = out.splitlines()[2]
    assert f"{marks[int(np.argmax(shares))]:.3f}% " in answer


def test_the_next_tokens_are_named_where_they_are_asked_for(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    notes = call("read", "-m", KNOWN, CAT, "--next", "2", "--json").json()["notes"]
    assert [note for note in notes if note.startswith("next: ")] == [
        note for note in call("heatmap", "-m", KNOWN, CAT, "--next", "2", "--json").json()["notes"] if "next: " in note
    ]
    assert any(note.startswith("next: ") for note in notes)


def test_a_token_is_found_without_the_space_that_it_begins_with(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "spaced.json").write_text(json.dumps({"tokens": ["The", " cat", " sat"], "weights": [[1 / 3] * 3] * 3}))
    for spelled in ("cat", " cat"):
        read = call("read", "-w", "spaced.json", "--query", spelled, "--json").json()
        assert read["query"] == {"index": 1, "token": " cat", "mean_over": 1}


def test_the_last_token_is_the_query_even_if_another_is_spelled_minus_one(call: Attn) -> None:
    read = call("read", "a -1 b", "--tokenizer", "whitespace", "--json").json()
    assert read["query"]["index"] == 2


def test_lines_of_the_text_stay_lines(call: Attn) -> None:
    lines = call("read", "one\n  two\n\n\tthree", env={"COLUMNS": "200"}).lines[3:6]
    shares = [line[:6] for line in lines]
    assert sum(int(share.strip(" %")) for share in shares) == 100
    shown = [re.sub(r"[\[\]»«]|\d+%", "", line[6:]) for line in lines]
    assert shown == ["one", "  two", "    three"]


def test_bad_input_is_answered_in_two_lines(call: Attn, tmp_path: Path) -> None:
    call("read", "the cat sat", "--query", "kat").complains(1, "no query 'kat'", "did you mean")
    call("read", "the cat sat", "--query", "9").complains(1, "no query 9", "0 to 2")
    call("read", "the cat the", "--query", "the").complains(1, "2 times", "the#1", "the#2")
    call("read", "").complains(1, "empty")
    call("read").complains(1, "no text")
    call("read", "the cat", "--head", "4").complains(1, "no head 4")
    call("read", "the cat", "--stage", "scores").complains(2, "--stage")
    call("read", "-m", KNOWN, "-w", "x.json", "the cat").complains(2, "-w cannot act here")
    call("read", "the cat", "--drop", "0", "--drop", "1").complains(1, "--drop would leave none")
    call("read", "the cat", "--color-scale", "loud").complains(2, "--color-scale", "linear")
    hidden = {"tokens": ["a", "b"], "weights": [[0, 0], [0.5, 0.5]], "masked": [[None, None], [1, 1]]}
    (tmp_path / "hidden.json").write_text(json.dumps(hidden))
    call("read", "-w", "hidden.json", "--query", "a").complains(1, "sees no key", "--query")
    (tmp_path / "scores.json").write_text(json.dumps(parameters() | {"tokens": []}))
    assert call("read", "-w", "scores.json").code == 1


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1", "COLORTERM": "truecolor"}, {"FORCE_COLOR": "1"}])
def test_hostile_tokens_are_never_obeyed_and_no_line_is_too_wide(
    call: Attn, tmp_path: Path, columns: int, env: dict[str, str]
) -> None:
    n = len(HOSTILE)
    weights = [[1 / n] * n] * (n - 1) + [[0.5, *[0.5 / (n - 1)] * (n - 1)]]
    (tmp_path / "x.json").write_text(json.dumps({"tokens": HOSTILE, "weights": weights}))
    for options in ([], ["--query", "all"], ["-f", "markdown"], ["--full"]):
        ran = call("read", "-w", "x.json", *options, env={"COLUMNS": str(columns), **env})
        assert (ran.code, ran.errors) == (0, "")
        plain = COLORS.sub("", ran.out).replace(MARK, "")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\u200b]", plain)
        if "markdown" not in options:
            assert max(map(cells, plain.split("\n"))) <= columns


def test_an_ascii_screen_can_read_a_text(attn: Attn) -> None:
    ran = attn("read", "the cät\nsat", "--mask", "causal", "--query", "0", env={"PYTHONIOENCODING": "ascii"})
    assert ran.code == 0
    assert ran.data.isascii()
    assert "[>the<]100%" in ran.out
