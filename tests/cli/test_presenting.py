"""How a reader wants a result: alone, under a title, through a pager, in a file of colors, as a table."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Ran
from tests.cli.test_pager import MARKING, shown, unix

Call = Callable[..., Ran]
REMARKS = ("note:", "Made with:", "random weights", "share of attention held", "Rows look")


@pytest.mark.parametrize(
    "line",
    [
        ("heatmap", "the cat sat"),
        ("explain", "the cat sat", "--mask", "causal", "--heads", "2"),
        ("heads", "the cat sat", "--heads", "2"),
        ("why", "the cat sat", "--query", "1"),
        ("why", "the cat sat", "--query", "1", "--key", "0"),
        ("heatmap", "the cat sat", "--aggregate", "mean", "--heads", "2"),
    ],
)
@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_quiet_prints_the_result_alone(call: Call, line: tuple[str, ...], form: str) -> None:
    loud, quiet = (call(*line, "-f", form, *more).out for more in ((), ("--quiet",)))
    assert any(remark in loud for remark in REMARKS)
    assert not any(remark in quiet for remark in REMARKS)
    assert "cat" in quiet
    assert len(quiet) < len(loud)


def test_a_single_picture_stands_alone(call: Call) -> None:
    assert call("heatmap", "the cat sat", "--quiet").lines[0].split() == ["the", "cat", "sat"]


def test_several_pictures_keep_their_headings(call: Call) -> None:
    out = call("heatmap", "the cat sat", "--quiet", "--stage", "scores,weights").out
    assert "scores = " in out
    assert "weights = " in out


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
@pytest.mark.parametrize("command", [("heatmap",), ("explain",), ("heads",), ("why", "--query", "0")])
def test_a_title_stands_above_everything(call: Call, command: tuple[str, ...], quiet: tuple[str, ...]) -> None:
    name, *rest = command
    assert call(name, "the cat sat", *rest, *quiet, "--title", "My cat [/b]").lines[:2] == ["My cat [/b]", "─" * 11]
    markdown = call(name, "the cat sat", *rest, *quiet, "--title", "My cat", "-f", "markdown")
    assert markdown.lines[0].strip("# ") == "My cat"


def test_data_have_no_title(call: Call) -> None:
    call("explain", "the cat sat", "--title", "My cat", "--json").complains(2, "--title: json holds data")


def test_a_file_of_colors_has_all_of_them_whatever_the_terminal(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    path = tmp_path / "cat.ansi"
    for more, colored in (((), True), (("--color", "never"), False)):
        assert call("heatmap", "the cat sat", "-o", str(path), "--quiet", *more).code == 0
        assert (b"\x1b[48;2;" in path.read_bytes() or b";48;2;" in path.read_bytes()) == colored
    assert call("heatmap", "the cat sat", "-o", str(path.with_suffix(".txt")), "--quiet").code == 0
    assert b"\x1b" not in path.with_suffix(".txt").read_bytes()


def table(ran: Ran) -> list[dict[str, str]]:
    """The lines of a table as dictionaries."""
    return list(csv.DictReader(io.StringIO(ran.out)))


@pytest.mark.parametrize("more", [(), ("--mask", "causal"), ("--softcap", "2")])
def test_the_keys_of_a_query_are_a_table(call: Call, more: tuple[str, ...]) -> None:
    line = ("why", 'a "b",c d', "--tokenizer", "whitespace", "--query", "1", *more)
    rows, document = table(call(*line, "-f", "csv")), json.loads(call(*line, "--json").out)
    assert len(rows) == len(document["keys"]) == 3
    for row, key in zip(rows, document["keys"], strict=True):
        assert (int(row["key"]), row["key_token"], row["query_token"]) == (key["index"], key["token"], '"b",c')
        assert float(row["weight"]) == key["weight"]
        assert row["hidden"] == str(key["hidden"]).lower()
        for stage, number in key["scores"].items():
            assert float(row[stage]) == (float("-inf") if number is None else number)
    one = table(call(*line, "--key", "0", "-f", "csv"))
    assert one == [row for row in rows if row["key"] == "0"]


def test_a_comparison_is_a_table(call: Call) -> None:
    line = ("compare", "the cat sat", "--heads", "2", "--with", "mask=causal")
    ran = call(*line, "-f", "csv")
    rows, document = table(ran), json.loads(call(*line, "--json").out)
    assert ran.code == 3
    setting, *rest = rows
    assert (setting["compared"], setting["name"], setting["a"], setting["b"]) == ("setting", "mask", "none", "causal")
    stages = [row for row in rest if row["compared"] == "stage"]
    assert [(row["name"], float(row["largest"])) for row in stages] == [
        (stage["stage"], stage["largest"]) for stage in document["stages"]
    ]
    heads = [row for row in rest if row["compared"] == "head"]
    assert [(int(row["head"]), float(row["js"])) for row in heads] == [
        (head["head"], head["js"]) for head in document["heads"]
    ]
    assert len(rows) == 1 + len(stages) + len(heads)


@unix
def test_a_result_longer_than_the_terminal_is_paged() -> None:
    line = ["explain", "the cat sat"]
    assert shown(line, {"TERM": "xterm", "PAGER": MARKING}) == (0, "PAGED True\n")
    assert "PAGED" not in shown([*line, "--no-pager"], {"TERM": "xterm", "PAGER": MARKING})[1]
    assert "PAGED" not in shown(["heatmap", "the cat sat"], {"TERM": "xterm", "PAGER": MARKING})[1]
    assert "PAGED" not in shown([*line, "--json"], {"TERM": "xterm", "PAGER": MARKING})[1]


@unix
def test_the_exit_code_of_a_paged_result_is_that_of_the_command() -> None:
    line = ["compare", "the cat sat", "the dog ran"]
    assert shown(line, {"TERM": "xterm", "PAGER": MARKING}) == (3, "PAGED True\n")


def test_random_numbers_have_one_decimal_so_that_scores_print_exactly(call: Call) -> None:
    layer = call("explain", "the cat sat", "--json").json()["layers"][0]
    assert all(round(number, 1) == number for row in layer["X"] for number in row)
    out = call("explain", "the cat sat", "-f", "csv", "--stage", "X,scores").out
    for line in out.splitlines()[1:]:
        assert len(repr(round(float(line.split(",")[7]), 4)).partition(".")[2]) <= 4
    scores = [float(line.split(",")[7]) for line in out.splitlines() if ",scores," in line]
    np.testing.assert_allclose(scores, np.round(scores, 4), rtol=0, atol=1e-12)


def test_fine_random_numbers_have_four_decimals_and_the_trace_says_so(call: Call) -> None:
    trace = call("explain", "the cat sat", "--random", "fine", "--json").json()
    assert trace["source"] == {"kind": "random", "seed": 0, "random": "fine"}
    assert any(round(number, 3) != number for row in trace["layers"][0]["X"] for number in row)
    assert "fine random weights, seed 0" in call("explain", "the cat sat", "--random", "fine").out
    again = call("explain", "the cat sat", "--random", "coarse", "--json")
    assert again.json() == call("explain", "the cat sat", "--json").json()


def test_a_way_to_draw_that_does_not_act_is_refused(call: Call, tmp_path: Path) -> None:
    call("explain", "the cat sat", "--random", "finer").complains(2, "there is no way to draw 'finer'", "coarse, fine")
    (tmp_path / "a.json").write_text('{"tokens": ["a"], "scores": [[1]], "scale": "none"}')
    call("explain", "-w", "a.json", "--random", "fine").complains(2, "--random cannot act here")


def test_missing_vectors_are_drawn_as_finely_as_asked(call: Call, tmp_path: Path) -> None:
    document = {"embeddings": {"a": [1, 0]}, "W_Q": [[1], [0]], "W_K": [[1], [0]], "W_V": [[1], [0]]}
    (tmp_path / "a.json").write_text(json.dumps(document))
    drawn = {
        random: call("explain", "a b", "-w", "a.json", "--unknown", "random", "--random", random, "--json").json()
        for random in ("coarse", "fine")
    }
    coarse, fine = (drawn[random]["layers"][0]["X"][1] for random in ("coarse", "fine"))
    assert [round(number, 1) for number in coarse] == coarse
    assert [round(number, 1) for number in fine] != fine


def test_why_works_at_once_and_says_what_it_chose(call: Call) -> None:
    out = call("why", "the cat sat on the mat", "--heads", "2", "--mask", "causal").out
    assert '"mat" (query 5)' in out
    assert "the last query: --query chooses another" in out
    assert "the key that it looks at most: --key chooses another" in out
    assert "the strongest of 2 heads for this query: --head chooses another" in out
    document = call("why", "the cat sat on the mat", "--heads", "2", "--mask", "causal", "--json").json()
    assert document["key"] == {name: document["keys"][0][name] for name in ("index", "token")}
    assert document["weight"] == max(key["weight"] for key in document["keys"])


def test_a_query_alone_ranks_its_keys_and_a_key_alone_is_that_of_the_last_query(call: Call) -> None:
    assert "rank" in call("why", "the cat sat", "--query", "cat").lines[3]
    out = call("why", "the cat sat", "--key", "the").out
    assert '"sat" (query 2) → "the" (key 0)' in out
    assert "--key chooses" not in out


def test_by_hand_needs_printed_digits(call: Call) -> None:
    call("why", "the cat sat", "--by-hand", "--json").complains(2, "--by-hand: json holds all digits")
    assert "By hand: each line is computed" in call("why", "the cat sat", "--by-hand", "--query", "1").out
    assert "By hand" not in call("why", "the cat sat").out


def test_dropped_keys_leave_the_indices_and_numbers_of_the_others(call: Call) -> None:
    words = [f"w{index}" for index in range(33)]
    lines = call("heatmap", " ".join(words), "--drop", "first", "--drop", "w3", "--quiet").lines
    assert lines[0].split()[:4] == ["1", "4", "6", "8"]
    assert [line.split()[:2] for line in lines[1:4]] == [["0", "w0"], ["1", "w1"], ["2", "w2"]]
    assert call("heatmap", "the cat the mat", "--drop", "the#1", "--quiet").lines[0].split() == ["cat", "the#2", "mat"]
