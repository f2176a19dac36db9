"""Notes on stored numbers that are not what they should be: in every view and format."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.core.ops import softmax
from tests.cli.conftest import Attn

SUMS = "rows of weights do not sum to 1"
FOLLOWS = "stored numbers do not follow: weights"
VIEWS = {
    "explain": ["explain", "-w", "d.npz"],
    "explain one stage": ["explain", "-w", "d.npz", "--stage", "weights"],
    "heatmap": ["heatmap", "-w", "d.npz"],
    "heatmap of one head": ["heatmap", "-w", "d.npz", "--head", "1"],
    "rollout": ["heatmap", "-w", "d.npz", "--aggregate", "rollout"],
    "heads": ["heads", "-w", "d.npz"],
    "why of a row": ["why", "-w", "d.npz", "--query", "0", "--head", "1"],
    "why of a cell": ["why", "-w", "d.npz", "--query", "0", "--key", "1", "--head", "1"],
    "compare": ["compare", "d.npz", "d.npz"],
}


def dumped(path: Path, *, scale: float, factor: float = 1.0) -> None:
    """Q and K with weights of scores × scale, all of them × factor, as a layer may leave them."""
    q, k, v = np.random.default_rng(3).normal(size=(3, 2, 4, 4))
    weights = softmax(q @ k.swapaxes(1, 2) * scale)[0] * factor
    np.savez(path, Q=q, K=k, V=v, weights=weights, tokens=list("abcd"))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("form", ["terminal", "markdown", "json"])
def test_every_view_says_that_rows_of_stored_weights_do_not_sum_to_1(
    view: str, form: str, call: Attn, tmp_path: Path
) -> None:
    dumped(tmp_path / "d.npz", scale=0.5, factor=1.25)
    assert SUMS in " ".join(call(*VIEWS[view], "-f", form).out.split())
    dumped(tmp_path / "d.npz", scale=0.5)
    assert SUMS not in " ".join(call(*VIEWS[view], "-f", form).out.split())


@pytest.mark.parametrize("view", ["explain", "why of a row", "why of a cell", "compare"])
@pytest.mark.parametrize("form", ["terminal", "markdown", "json"])
def test_views_of_several_stages_say_that_stored_weights_do_not_follow(
    view: str, form: str, call: Attn, tmp_path: Path
) -> None:
    dumped(tmp_path / "d.npz", scale=0.25)
    assert FOLLOWS in " ".join(call(*VIEWS[view], "-f", form).out.split())
    dumped(tmp_path / "d.npz", scale=0.5)
    assert FOLLOWS not in " ".join(call(*VIEWS[view], "-f", form).out.split())


def test_a_trace_that_was_written_with_the_note_says_it_once(call: Attn, tmp_path: Path) -> None:
    dumped(tmp_path / "d.npz", scale=0.25)
    written = call("explain", "-w", "d.npz", "--json").data
    again = call("explain", "-w", "-", "--json", stdin=written)
    assert again.data == written
    assert sum(note.startswith("stored numbers") for note in again.json()["notes"]) == 1


def test_stages_left_out_of_a_trace_are_no_reason_to_say_so(call: Attn) -> None:
    options = ["--positions", "rope", "--softcap", "3", "--mask", "causal", "--dim", "8"]
    whole = call("explain", "the cat sat on the mat", *options, "--json").json()
    names = whole["layers"][0]["stages"]
    for kept in (["scores", "weights"], ["Q", "K", "weights"], ["softcapped", "weights", "V", "head_output"], names):
        layer: dict[str, Any] = {key: value for key, value in whole["layers"][0].items() if key not in names}
        layer |= {name: whole["layers"][0][name] for name in kept} | {"stages": kept}
        for formulas in ({name: layer["formulas"][name] for name in kept}, {}):
            trace = json.dumps(whole | {"layers": [layer | {"formulas": formulas}]}).encode()
            for command in (["explain", "-w", "-"], ["why", "-w", "-", "--query", "2", "--key", "1"]):
                assert "follow" not in call(*command, stdin=trace).out


def test_the_cases_that_were_found_print_the_right_quotient(call: Attn, tmp_path: Path) -> None:
    q, k = np.random.default_rng(0).normal(size=(2, 1, 3, 4))
    weights = softmax(q @ k.swapaxes(1, 2) / 4)[0]  # 1/√d_k twice
    np.savez(tmp_path / "d.npz", Q=q, K=k, weights=weights, tokens=list("abc"))
    out = call("why", "-w", "d.npz", "--query", "a", "--key", "b", env={"COLUMNS": "200"}).out
    line = re.search(r"weight = (\S+) / (\S+) = (\S+)   \(stored: (\S+), which does not follow\)", out)
    assert line
    exponential, denominator, share, stored = map(float, line.groups())
    assert share == pytest.approx(exponential / denominator, abs=5.1e-5)
    assert stored == pytest.approx(weights[0, 0, 1], abs=5.1e-5)
    assert "attn check d.npz looks for the cause" in out


def test_numbers_that_differ_by_little_are_compared_with_the_digits_that_show_it(call: Attn, tmp_path: Path) -> None:
    for name, weight in (("a", 0.5), ("b", 0.5 + 3e-9)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"weights": [[weight, 1 - weight], [0, 1]]}))
    out = call("compare", "a.json", "b.json").out
    row = next(line.split() for line in out.splitlines() if line.startswith("weights "))
    assert row[1] == "3e-09"
    assert abs(float(row[3]) - float(row[2])) == pytest.approx(3e-9, rel=1e-3)
