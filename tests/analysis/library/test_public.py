"""The public names: the whole product from Python."""

import json
import math
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import attn_cli
from attn_cli import aggregate, check, compare, explain, heads, run_model, why
from attn_cli.analysis.why import Cell, Row
from attn_cli.errors import AttnError, DocumentError, SelectionError, UsageError
from attn_cli.trace.files.to_json import trace_to_json
from attn_cli.trace.trace import Trace
from tests.analysis.library.user_code import use

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "samples" / "known-heads"


def attn(*arguments: str) -> str:
    """What a command line prints."""
    run = [sys.executable, "-m", "attn_cli", *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_public_names_are_sorted_and_each_opens_and_says_what_it_gives() -> None:
    assert attn_cli.__all__ == sorted(attn_cli.__all__)
    for name in attn_cli.__all__:
        assert len(getattr(attn_cli, name).__doc__ or "") > 60, name
    with pytest.raises(AttributeError, match="no attribute 'explode'"):
        _ = attn_cli.explode  # type: ignore[attr-defined]


def test_the_package_imports_nothing_until_a_name_is_used() -> None:
    code = "import sys; old = set(sys.modules); import attn_cli; print(sorted(set(sys.modules) - old))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "['attn_cli']\n"


def test_the_package_is_marked_as_typed() -> None:
    assert (files("attn_cli") / "py.typed").is_file()


def test_a_program_with_types_runs() -> None:
    figures = use(MODEL)
    assert figures["keys"] == 3
    assert figures["heads"] == 2
    assert figures["stages"] > 5
    assert figures["faults"] == 0
    assert figures["attended"] == 2
    assert figures["change"] > 0
    assert 0 < figures["weight"] < 1
    assert figures["hint"] > 10


def test_explain_computes_what_the_command_line_computes() -> None:
    trace = explain("the cat sat", mask="sliding:2", positions="rope", scale=0.5, heads=2, kv_heads=1, dim=8, head=1)
    options = "--mask sliding:2 --positions rope --scale 0.5 --heads 2 --kv-heads 1 --dim 8 --head 1".split()
    assert trace_to_json(trace).decode() == attn("explain", "the cat sat", *options, "--json")


def test_explain_runs_a_checkpoint_as_the_command_line_does() -> None:
    trace = explain("the cat sat", model=MODEL)
    printed = json.loads(attn("explain", "the cat sat", "-m", str(MODEL), "--json"))
    assert [layer.name for layer in trace.layers] == [layer["name"] for layer in printed["layers"]]
    assert trace.layers[0]["weights"].astype(np.float64) == pytest.approx(np.array(printed["layers"][0]["weights"]))


def test_a_checkpoint_keeps_weights_until_one_layer_and_head_are_chosen() -> None:
    assert [stage.name for stage in run_model(MODEL, "the cat").layers[0].stages] == ["weights"]
    one = run_model(MODEL, "the cat", layer=1, head=0)
    assert [layer.index for layer in one.layers] == [1]
    assert one.layers[0].head_index == (0,)
    assert {"residual", "Q", "scores", "weights", "output"} <= {stage.name for stage in one.layers[0].stages}
    assert [s.name for s in run_model(MODEL, "the cat", stage=["Q", "weights"]).layers[0].stages] == ["Q", "weights"]


def test_explain_reads_a_document_from_a_path_and_from_arrays() -> None:
    path = ROOT / "samples" / "two-heads.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    from_path, from_keys = explain(weights=path), explain(weights=document)
    np.testing.assert_array_equal(from_path.layers[0]["weights"], from_keys.layers[0]["weights"])
    q = np.array([[1.0, 0.0], [0.0, 2.0]])
    trace = explain(weights={"Q": q, "K": np.eye(2), "tokens": np.array(["a", "b"]), "scale": np.array("none")})
    assert trace.tokens == ("a", "b")
    assert trace.layers[0]["weights"][0, 0, 0] == pytest.approx(math.e / (math.e + 1))
    by_path = explain(weights={"layers.0.weights": np.eye(2), "layers.1.weights": np.full((2, 2), 0.5)}, layer=1)
    assert [layer.name for layer in by_path.layers] == ["layers.1"]
    with pytest.raises(DocumentError, match="unknown key 'Zed'"):
        explain(weights={"Zed": q})


def test_what_if_changes_act_from_python() -> None:
    assert explain("the cat sat", without_token=["cat"]).tokens == ("the", "sat")
    ablated = explain("the cat sat", heads=2, without_head=["0.1"])
    assert not ablated.layers[0]["head_output"][1].any()
    changed = explain("the cat sat", put=["scores[0][1][2]=7"])
    assert changed.layers[0]["scores"][0, 1, 2] == 7
    assert explain("the cat sat", temperature=2.0).layers[0].settings.scale == 0.25


def test_an_argument_that_cannot_act_is_refused() -> None:
    with pytest.raises(UsageError, match="seed cannot act here"):
        explain("the cat", model=MODEL, seed=3)
    with pytest.raises(UsageError, match="ids cannot act here"):
        explain("the cat", ids=[1, 2])
    with pytest.raises(UsageError, match="weights cannot act here"):
        aggregate(explain("the cat"), "norm", weights="a.json", model=MODEL)


def test_why_takes_tokens_and_indices() -> None:
    trace = explain("the cat and the dog", heads=2)
    cell = why(trace, query="the#2", key="dog", head=1)
    assert isinstance(cell, Cell)
    assert (cell.row.query, cell.key.index, cell.row.head) == (3, 4, 1)
    same = why(trace, query=-2, key=-1, layer="layers.0", head=-1)
    assert same.key.weight == cell.key.weight == trace.layers[0]["weights"][1, 3, 4]
    row = why(trace, query="dog", layer=0, head=0)
    assert isinstance(row, Row)
    assert sum(key.weight or 0 for key in row.keys) == pytest.approx(1)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"query": "the"}, "'the' occurs 2 times"),
        ({"query": 9, "head": 0}, "there is no query 9"),
        ({"query": "cat", "key": "bird", "head": 0}, "there is no key 'bird'"),
        ({"query": "cat"}, "has 2 heads, and one is needed"),
        ({"query": "cat", "layer": 4, "head": 0}, "there is no layer 4"),
        ({"query": "cat", "head": 2}, "there is no head 2"),
    ],
)
def test_why_names_what_is_not_there(choice: dict[str, int | str], message: str) -> None:
    trace = explain("the cat and the dog", heads=2)
    with pytest.raises(SelectionError, match=message):
        why(trace, **({"head": 0} if "the" in choice.values() else {}) | choice)  # type: ignore[arg-type]


def test_why_asks_for_a_layer_where_there_are_several() -> None:
    trace = run_model(MODEL, "the cat", stage="all")
    with pytest.raises(SelectionError, match="the trace has 2 layers, and one is needed"):
        why(trace, query=0)


def test_heads_names_and_measures_every_head() -> None:
    trace = run_model(MODEL, ids=[1, 4, 2, 7, 3, 4, 2, 7])
    report = heads(trace)
    assert [(head.index, head.head) for head in report.heads] == [
        (layer.index, head) for layer in trace.layers for head in layer.head_index
    ]
    named = {head.name for head in report.heads}
    assert {"previous token", "induction"} <= named
    assert "previous token" not in {head.name for head in heads(trace, thresholds={"previous_token": 1.0}).heads}
    assert heads([trace, trace]).lengths == (8, 8)
    with pytest.raises(UsageError, match="does not name a kind"):
        heads(trace, thresholds={"sharp": 0.5})


def test_compare_finds_the_first_stage_that_differs() -> None:
    a, b = explain("the cat sat"), explain("the cat sat", mask="causal")
    assert compare(a, a).largest == 0
    first = compare(a, b).first(0)
    assert first is not None
    assert first.stage.name == "weights"


def test_check_takes_a_trace_a_path_and_a_mapping(tmp_path: Path) -> None:
    q, k = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.3, 0.1], [2.0, -0.4]])
    right = explain(weights={"Q": q, "K": k}).layers[0]["weights"]
    assert check({"Q": q, "K": k, "weights": right}).faults == 0
    wrong = check({"Q": q, "K": k, "weights": right[0].T})
    assert wrong.faults > 0
    path = tmp_path / "dump.npz"
    np.savez(path, Q=q, K=k, weights=right * 2)
    assert check(path).faults == check(str(path)).faults == 1
    assert check(explain("the cat sat")).faults == 0
    scaled = check({"Q": q, "K": k, "weights": right}, scale=0.1, recompute=True)
    assert scaled.faults == 1
    assert scaled.errors is not None
    odd = check({"weights": np.array([[np.nan, 0.3], [0.5, 0.5]])})
    assert [finding.code for finding in odd.findings] == ["not-a-number"]


def test_aggregate_makes_one_matrix_and_takes_w_o_where_it_is_needed() -> None:
    trace = explain("the cat sat", heads=2)
    np.testing.assert_allclose(aggregate(trace).matrix, trace.layers[0]["weights"].mean(axis=0))
    np.testing.assert_allclose(aggregate(trace, "max", head=[1]).matrix, trace.layers[0]["weights"][1])
    rng = np.random.default_rng(7)
    x, *matrices = rng.normal(size=(5, 3, 3))
    document = {"X": x, **dict(zip(("W_Q", "W_K", "W_V", "W_O"), matrices, strict=True))}
    made = explain(weights=document)
    written = made.layers[0]["weights"][0][:, :, np.newaxis] * (x @ matrices[2] @ matrices[3])[np.newaxis]
    with pytest.raises(SelectionError, match="norm needs W_O"):
        aggregate(made, "norm")
    np.testing.assert_allclose(
        aggregate(made, "norm", weights=document).matrix, np.sqrt((written**2).sum(axis=2)), rtol=1e-12
    )
    model = run_model(MODEL, "the cat sat", stage=["weights", "V"])
    assert aggregate(model, "norm", model=MODEL).matrix.shape == (len(model.tokens),) * 2
    with pytest.raises(SelectionError, match="there is no aggregation 'median'"):
        aggregate(trace, "median")


def test_a_trace_from_a_public_name_shows_itself_in_a_notebook_without_rich() -> None:
    code = (
        "import sys; from attn_cli import explain; html = explain('the cat')._repr_html_();"
        "print(html.count('<table'), [m for m in sys.modules if m.split('.')[0] == 'rich'])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed.split()[0]) > 5
    assert printed.endswith("[]\n")


def test_a_trace_without_a_view_falls_back_to_the_plain_form(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = explain("the cat")
    assert (trace._repr_html_() or "").startswith("<div")
    monkeypatch.setattr(Trace, "notebook_view", None)
    assert trace._repr_html_() is None


def test_errors_carry_a_hint() -> None:
    with pytest.raises(AttnError) as caught:
        explain("the cat", mask="casual")
    assert "did you mean 'causal'" in caught.value.hint
    assert "sliding" in caught.value.hint
