"""`attn heads`: the table, the ranking, the atlas, what metrics mean; several texts; random tokens said twice."""

import csv
import io
import json
from pathlib import Path

import pytest

from attn_cli.analysis.heads.metrics import METRICS
from tests.cli.conftest import ROOT, Attn
from tests.cli.documents import parameters

SAMPLE = str(ROOT / "samples" / "known-heads")
TEXT = "the cat sat on the mat and the cat"
NAMES = "previous token, sink on <s>, duplicate token, even, induction, current token, even, even".split(", ")
CROSS = str(ROOT / "samples" / "cross.json")
GROUPED = str(ROOT / "samples" / "grouped.json")


def test_the_planted_heads_are_found_in_the_table_and_in_data(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    lines = call("heads", "-m", SAMPLE, TEXT).lines
    rows = {row.split()[0]: row for row in lines if row.startswith(("L0.", "L1."))}
    addresses = [f"L{layer}.{head}" for layer in range(2) for head in range(4)]
    assert [name in rows[at] for name, at in zip(NAMES, addresses, strict=True)] == [True] * 8
    assert next(line for line in lines if line.startswith("induction ")).split()[-2:] == ["L1.0", "1.00"]
    assert [line for line in lines if line.startswith(("L0 ", "L1 "))] == ["L0 PSDE", "L1 ICEE"]
    found = call("heads", "-m", SAMPLE, TEXT, "--json").json()
    assert (found["format"], found["version"]) == ("attn.heads", 1)
    assert [head["name"] for head in found["heads"]] == NAMES
    assert [(head["layer"], head["head"]) for head in found["heads"][3:5]] == [("layers.0", 3), ("layers.1", 0)]
    for head in found["heads"]:
        assert list(head["metrics"]) == list(head["baseline"]) == list(head["lift"]) == list(METRICS)
    induction = found["heads"][4]
    for metric in ("induction.diag", "entropy"):
        ratio = induction["metrics"][metric] / induction["baseline"][metric]
        assert induction["lift"][metric] == pytest.approx(ratio)
    assert found["heads"][1]["sink_token"] == {"index": 0, "token": "<s>"}


def test_by_ranks_and_colours_the_heads(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    ran = call("heads", "-m", SAMPLE, TEXT, "--by", "induction")
    rows = [line for line in ran.lines if line.startswith(("L0.", "L1."))]
    assert rows[0].split() == ["L1.0", "induction", "1.00", "1.0000", "0.1630", "×6.14"]
    assert "layer × head" in ran.out
    assert "source: Olsson" in ran.out
    found = call("heads", "-m", SAMPLE, TEXT, "--by", "induction", "--json").json()
    figures = [head["metrics"]["induction.diag"] for head in found["heads"]]
    assert figures == sorted(figures, reverse=True)
    atlas = call("heads", "-m", SAMPLE, TEXT, "--atlas", "--by", "distance").out
    assert "distance, tokens" in atlas
    assert "even spread" not in atlas


def test_every_source_can_be_asked(call: Attn) -> None:
    made = call("explain", TEXT, "--mask", "causal", "--heads", 2, "--json")
    own = call("heads", TEXT, "--mask", "causal", "--heads", 2, "--json").json()["heads"]
    assert call("heads", "-w", "-", "--json", stdin=made.data).json()["heads"] == own
    assert len(call("heads", "-w", GROUPED, "--json").json()["heads"]) == 4
    assert call("heads", "-w", GROUPED, "--head", "1-2", "--json").json()["heads"][0]["head"] == 1


def test_a_mask_that_only_the_trace_knows_makes_the_baseline(call: Attn, tmp_path: Path) -> None:
    hidden = {"scores": [[0.0, 0.0, 0.0]] * 3, "scale": "none", "attn_mask": [[True, True, False]] * 3}
    (tmp_path / "d.json").write_text(json.dumps(hidden))
    (head,) = call("heads", "-w", "d.json", "--json").json()["heads"]
    assert head["lift"]["entropy"] == head["lift"]["first_token_share"] == pytest.approx(1)
    assert head["baseline"]["first_token_share"] == pytest.approx(0.5)


def test_what_is_undefined_is_null_and_a_dash_with_a_reason_and_an_error_when_asked_for_alone(call: Attn) -> None:
    text = ("heads", "a blue bird sat")
    (head,) = call(*text, "--json").json()["heads"]
    assert [head["metrics"][f"induction.{measure}"] for measure in ("mul", "abs", "diag")] == [None] * 3
    assert '"same", "induction" are undefined (–): this text repeats no token' in " ".join(call(*text).out.split())
    call(*text, "--by", "induction").complains(1, "undefined", "this text repeats no token", "--repeat")
    call(*text, "--by", "duplicate_token.mul").complains(1, "undefined")
    call(*text, "--mask", "causal", "--by", "next_token").complains(1, "no query may attend to a later token")
    call("heads", "-w", CROSS, "--by", "previous_token").complains(1, "positions of queries and keys are unrelated")


def test_several_texts_are_averaged_line_by_line(call: Attn, tmp_path: Path) -> None:
    lines = ["the cat sat", "the dog and the dog", "", "a mat"]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n")
    piped = call("heads", "-", "--json", stdin="\n".join(lines).encode()).json()
    assert call("heads", "--texts", "lines.txt", "--json").json() == piped
    alone = [call("heads", line, "--json").json()["heads"][0]["metrics"] for line in lines if line]
    (head,) = piped["heads"]
    assert piped["texts"] == 3
    figures = [metrics["entropy"] for metrics in alone]
    assert head["metrics"]["entropy"] == pytest.approx(sum(figures) / 3)
    mean = sum(figures) / 3
    assert head["spread"]["entropy"] == pytest.approx((sum((one - mean) ** 2 for one in figures) / 3) ** 0.5)
    assert head["metrics"]["induction.diag"] == alone[1]["induction.diag"]  # of the one text that has repeats
    assert "±" in call("heads", "--texts", "lines.txt", "--by", "entropy").out
    assert "3 texts of 2 to 5 tokens" in call("heads", "--texts", "lines.txt").out


def test_random_tokens_said_twice_show_induction(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    found = call("heads", "-m", SAMPLE, "--repeat", 12, "--json").json()
    assert len(found["tokens"]) == 25
    assert found["tokens"][0] == "<s>"
    assert found["tokens"][1:13] == found["tokens"][13:]
    assert len(set(found["tokens"])) == 13
    assert [head["name"] for head in found["heads"]] == NAMES
    induction = found["heads"][4]["metrics"]
    assert induction["induction.diag"] > 0.999
    assert 12 / 14 < induction["induction.repeat"] < 1
    assert induction["induction.mul"] == pytest.approx(12 / 25, abs=1e-3)
    other = call("heads", "-m", SAMPLE, "--repeat", 12, "--seed", 1, "--json").json()
    assert other["tokens"] != found["tokens"]
    for seed in range(5):
        most = call("heads", "-m", SAMPLE, "--repeat", 23, "--seed", seed, "--json").json()["tokens"]
        assert "<unk>" not in most
        assert most.count("<s>") == 1
    call("heads", "-m", SAMPLE, "--repeat", 24).complains(1, "positions", "at most 23")


def test_csv_has_one_line_for_each_head_and_metric(call: Attn) -> None:
    ran = call("heads", TEXT, "--heads", 2, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == 2 * len(METRICS)
    assert [row["metric"] for row in rows[: len(METRICS)]] == list(METRICS)
    assert {row["value"] for row in rows if row["metric"] == "induction.repeat"} == {""}
    data = call("heads", TEXT, "--heads", 2, "--json").json()["heads"][1]["metrics"]["sink"]
    assert float(next(row for row in rows if (row["head"], row["metric"]) == ("1", "sink"))["value"]) == data


def test_thresholds_decide_what_a_head_is_called(call: Attn) -> None:
    pytest.importorskip("tokenizers")
    options = ("--threshold", "duplicate_token=0.6", "--threshold", "sink=1", "--json")
    found = call("heads", "-m", SAMPLE, TEXT, *options).json()
    assert [head["name"] for head in found["heads"][:3]] == ["previous token", "mixed", "current token"]
    assert found["thresholds"]["duplicate_token"] == 0.6


def test_every_metric_says_what_it_is_and_who_defined_it(call: Attn) -> None:
    every = call("heads", "--explain", "all", "--json").json()
    assert list(every["metrics"]) == list(METRICS)
    assert all(metric["definition"] and metric["source"] for metric in every["metrics"].values())
    out = " ".join(call("heads", "--explain", "previous_token").out.split())
    for words in ("previous_token.mul", "previous_token.abs", "previous_token.diag", "TransformerLens 4", "Names of"):
        assert words in out
    assert "0.95" in call("heads", "--explain", "names").out
    beside = call("heads", TEXT, "--explain", "entropy").out
    assert "Clark et al. 2019" in beside
    assert "entropy of 1 head" in beside


def test_a_document_from_a_pipe_is_read_once_for_all_texts_of_a_file(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("a b\nb a\na a b\n")
    document = json.dumps(parameters()).encode()
    (tmp_path / "p.json").write_bytes(document)
    piped = call("heads", "-w", "-", "--texts", "lines.txt", "--json", stdin=document).json()
    named = call("heads", "-w", "p.json", "--texts", "lines.txt", "--json").json()
    assert piped["heads"] == named["heads"]
    call("heads", "-w", "-", "--texts", "-", stdin=document).complains(2, "cannot both be standard input")


REFUSED = [
    (("one",), 1, "one token"),
    (("",), 1, "empty"),
    ((), 1, "there is no text"),
    ((TEXT, "--by", "entorpy"), 2, "did you mean 'entropy'?"),
    ((TEXT, "--explain", "nothing"), 2, "there is no metric"),
    ((TEXT, "--threshold", "previous_token=2"), 2, "0 to 1"),
    ((TEXT, "--threshold", "previous=0.4"), 2, "does not name a kind"),
    ((TEXT, "--stage", "Q"), 2, "--stage cannot act here"),
    ((TEXT, "--repeat", "5"), 2, "--repeat cannot act here"),
    (("-m", SAMPLE, TEXT, "--repeat", "5"), 2, "leave the text out"),
    ((TEXT, "--texts", "x"), 2, "both given"),
    (("--texts", "x"), 1, "no such file"),
    (("-",), 1, "only blank lines"),
    (("-", "-w", "-"), 2, "cannot both be standard input"),
    ((TEXT, "-o", "x.npz"), 2, "no arrays"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED)
def test_what_cannot_be_is_said_in_two_lines(arguments: tuple[str, ...], code: int, message: str, call: Attn) -> None:
    call("heads", *arguments).complains(code, message)
