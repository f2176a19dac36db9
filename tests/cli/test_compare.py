"""`attn compare`: which tokens stand for which, where two runs part, by how much, and when that matters."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Attn
from tests.cli.documents import GROUPED, PARAMETERS, parameters

A = "the cat sat on the mat"
B = "the dog sat on a mat"


def plain_divergence(p: list[float], q: list[float]) -> float:
    """Jensen–Shannon in nats, by loops."""
    total = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        total += sum(x * math.log(x / middle) for x in (a, b) if x > 0) / 2
    return total


def layer_of(call: Attn, *arguments: str) -> Any:
    return call("explain", *arguments, "--json").json()["layers"][0]


def test_two_texts_are_aligned_token_by_token(call: Attn) -> None:
    ran = call("compare", A, B, "--json")
    found = ran.json()
    assert ran.code == 3
    assert found["queries"] == found["keys"] == [[i, i] for i in range(6)]
    assert (found["differ"], found["first"]) == (True, {"layer": "layers.0", "layer_index": 0, "stage": "X"})
    stages = {stage["stage"]: stage for stage in found["stages"]}
    one, other = layer_of(call, A), layer_of(call, B)
    assert list(stages) == one["stages"]
    for name, stage in stages.items():
        difference = np.array(other[name]) - np.array(one[name])
        assert stage["largest"] == np.abs(difference).max()
        place = stage["row"][0], stage["column"][0] if isinstance(stage["column"], list) else stage["column"]
        index = place if stage["head"] is None else (stage["head"], *place)
        assert (stage["a"], stage["b"]) == (np.array(one[name])[index], np.array(other[name])[index])
        assert abs(stage["b"] - stage["a"]) == stage["largest"]
    rows = zip(one["weights"][0], other["weights"][0], strict=True)
    expected = math.fsum(plain_divergence(p, q) for p, q in rows) / 6
    assert found["heads"][0]["js"] == pytest.approx(expected, abs=1e-15)


def test_tokens_without_a_partner_are_left_out_and_named(call: Attn) -> None:
    found = call("compare", "a b c", "a x y c d", "--json").json()
    assert found["queries"] == [[0, 0], [2, 3]]
    out = call("compare", "a b c", "a x y c d").out
    assert "1 token of A (as query) has no partner and is left out" in out
    assert "3 tokens of B (as query) have no partner and are left out" in out
    one, other = layer_of(call, "a b c"), layer_of(call, "a x y c d")
    rows = []
    for i, j in found["queries"]:
        p, q = one["weights"][0][i], other["weights"][0][j]
        rows.append(plain_divergence([p[0], p[2], p[1], 0, 0, 0], [q[0], q[3], 0, q[1], q[2], q[4]]))
    assert found["heads"][0]["js"] == pytest.approx(sum(rows) / 2, abs=1e-15)


def test_texts_that_share_no_token_cannot_be_compared(call: Attn) -> None:
    call("compare", "a b", "x y z").complains(1, "no token of A is paired with one of B")


def test_one_text_under_two_settings(call: Attn) -> None:
    ran = call("compare", A, "--with", "mask=causal", "--with", "dtype=float32", "--json")
    found = ran.json()
    assert ran.code == 3
    assert {setting["name"]: (setting["a"], setting["b"]) for setting in found["settings"]} == {
        "mask": ("none", "causal"),
        "dtype": ("float64", "float32"),
    }
    assert "layers.0.masked is in B alone" in found["left_out"]
    out = call("compare", A, "--with", "mask=causal").out
    assert "First difference: weights (up to " in out
    assert "mask is none in A, causal in B" in out
    assert f'B: "{A}" with mask=causal' in out


@pytest.mark.parametrize("difference", [1e-3, 1e-9])
def test_the_tolerance_decides_the_exit_code(call: Attn, tmp_path: Path, difference: float) -> None:
    other = parameters(W_V=[[1, 1 + difference], [0, 1], [1, 0]])
    (tmp_path / "a.json").write_text(json.dumps(PARAMETERS))
    (tmp_path / "b.json").write_text(json.dumps(other))
    for options, code in (
        ([], 3),
        (["--tolerance", str(difference / 2)], 3),
        (["--tolerance", str(difference * 4)], 0),
    ):
        ran = call("compare", "a.json", "b.json", *options, "--json")
        assert (ran.code, ran.errors) == (code, "")
        assert ran.json()["differ"] is (code == 3)
        assert ran.json()["first"] == ({"layer": "layers.0", "layer_index": 0, "stage": "V"} if code else None)
    assert "First difference: V" in call("compare", "a.json", "b.json").out
    assert (
        "No stage differs by more than 1: 9 stages compared"
        in call("compare", "a.json", "b.json", "--tolerance", 1).out
    )


def test_the_same_run_twice_does_not_differ(call: Attn) -> None:
    assert call("explain", A, "-o", "t.npz").code == 0
    for one, other in ((A, A), ("t.npz", A), ("t.npz", "t.npz")):
        ran = call("compare", one, other)
        assert ran.code == 0
        assert "No stage differs: 9 stages compared\n" in ran.out
    trace = call("explain", A, "--json")
    assert call("compare", "-", "t.npz", stdin=trace.data).code == 0


def test_hidden_and_odd_cells_are_compared_as_they_are(call: Attn, tmp_path: Path) -> None:
    rows: list[tuple[Any, Any]] = [
        ([[1.0, None], [0.5, 2.0]], [[1.0, None], [0.5, 2.0]]),
        ([[1.0, None], [0.5, 2.0]], [[1.0, 3.0], [0.5, 2.0]]),
        ([[1.0, "NaN"], [0.5, 2.0]], [[1.0, "NaN"], [0.5, 2.0]]),
        ([[1.0, "NaN"], [0.5, 2.0]], [[1.0, 4.0], [0.5, 2.0]]),
    ]
    for (one, other), largest in zip(rows, [0, "Infinity", 0, "Infinity"], strict=True):
        for name, masked in (("a", one), ("b", other)):
            layer = {"masked": [masked], "weights": [[[1, 0], [0.5, 0.5]]]}
            (tmp_path / f"{name}.json").write_text(json.dumps({"layers": [layer]}))
        ran = call("compare", "a.json", "b.json", "--json")
        assert ran.json()["stages"][0]["largest"] == largest
        assert ran.code == (3 if largest else 0)
        assert call("compare", "a.json", "b.json").code == ran.code


def test_heads_are_ranked_by_how_far_their_weights_lie_apart(call: Attn) -> None:
    options = ["--heads", "4", "--dim", "8"]
    found = call("compare", A, "--with", "scale=2", *options, "--json").json()
    divergences = [head["js"] for head in found["heads"]]
    assert divergences == sorted(divergences, reverse=True)
    one, other = layer_of(call, A, *options), layer_of(call, A, *options, "--scale", "2")
    for head in found["heads"]:
        rows = zip(one["weights"][head["head"]], other["weights"][head["head"]], strict=True)
        assert head["js"] == pytest.approx(math.fsum(plain_divergence(p, q) for p, q in rows) / 6, abs=1e-15)


def test_other_heads_and_other_widths_are_said(call: Attn) -> None:
    assert call("explain", A, "--heads", "2", "--dim", "8", "-o", "two.json").code == 0
    assert call("explain", A, "--dim", "6", "-o", "one.json").code == 0
    found = call("compare", "two.json", "one.json", "--json").json()
    names = {setting["name"] for setting in found["settings"]}
    assert names >= {"heads", "kv_heads"}
    assert "layers.0.X: 8 features in A, 6 in B" in found["left_out"]
    assert {stage["stage"] for stage in found["stages"]} == {"scores", "scaled", "weights"}
    assert "not compared: layers.0.X: 8 features in A, 6 in B" in call("compare", "two.json", "one.json").out


def test_parameters_and_layers_are_compared_too(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text(json.dumps(GROUPED))
    assert call("compare", "g.json", "--with", "positions=alibi").code == 3
    layers = [{"weights": [[0.5, 0.5], [1, 0]]}, {"weights": [[0, 1], [0.25, 0.75]]}]
    (tmp_path / "a.json").write_text(json.dumps({"layers": layers}))
    layers[1] = {"weights": [[0, 1], [0.75, 0.25]]}
    (tmp_path / "b.json").write_text(json.dumps({"layers": layers}))
    ran = call("compare", "a.json", "b.json")
    assert "First difference: L1 weights (up to 0.5)" in ran.out
    only = call("compare", "a.json", "b.json", "--layer", "0")
    assert only.code == 0


def test_stages_can_be_chosen_for_the_pictures(call: Attn) -> None:
    few, every, one = (
        sum(line.endswith("B − A") for line in call("compare", A, B, *options).lines)
        for options in ([], ["--stage", "all"], ["--stage", "scores"])
    )
    assert (few, every, one) == (2, 9, 1)


def test_weights_of_one_head_are_drawn_of_a_and_b_and_their_difference(call: Attn) -> None:
    lines = call("compare", "the cat sat", "--with", "mask=causal", env={"COLUMNS": "50"}).lines
    start = next(i for i, line in enumerate(lines) if line.startswith("weights of A and B"))
    rows = [line.split() for line in lines[start + 4 : start + 7]]
    assert [row[0] for row in rows] == ["the", "cat", "sat"]
    assert rows[0][4:] == ["100", "·", "·"]
    assert "·" not in rows[0][:4]
    for row, line in zip(rows, lines[lines.index("B − A") + 3 :], strict=False):
        shown = [0.0 if cell == "·" else float(cell) for cell in row[1:]]
        points = [100 * float(cell) for cell in line.split()[1:]]
        assert all(abs(b - a - c) <= 2 for a, b, c in zip(shown[:3], shown[3:], points, strict=True))


def test_the_one_head_that_differs_is_drawn_of_a_and_b(call: Attn) -> None:
    out = call("compare", "the cat sat", "--heads", "2", "--without-head", "0.1", "--stage", "output").out
    assert "output: B − A" in out
    changed = call("compare", "the cat sat", "--heads", "2", "--set", "scaled[1][0][1]=9").out
    assert "head 1: weights of A and B" in changed


def test_a_document_and_texts_with_it(call: Attn, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(PARAMETERS))
    ran = call("compare", "a b", "b a", "-w", "p.json", "--json")
    assert ran.json()["a"]["tokens"] == ["a", "b"]
    assert ran.json()["b"]["source"] == {"kind": "document", "path": "p.json"}
