"""What if: cells set, heads switched off, tokens left out, another temperature; on sentences, documents and traces."""

import json
from pathlib import Path

import numpy as np
import pytest

from attn_cli.errors import SelectionError
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.stages import followers
from attn_cli.trace.trace import Trace
from tests.cli.conftest import Attn, call  # noqa: F401
from tests.cli.documents import GROUPED, PARAMETERS

TEXT = "the cat sat on a mat"


def ran(what_if: WhatIf, **options: str | int) -> Trace:
    return run(Request(TEXT, what_if=what_if, **options))  # type: ignore[arg-type]


def test_a_cell_that_is_set_is_what_follows_is_made_of() -> None:
    layer = ran(WhatIf(puts=("scores[1][2]=7.5",)), mask="causal")[0]
    plain = ran(WhatIf(), mask="causal")[0]
    expected = plain["scores"].copy()
    expected[0, 1, 2] = 7.5
    np.testing.assert_array_equal(layer["scores"], expected)
    np.testing.assert_array_equal(layer["scaled"], expected * 0.5)
    assert layer["weights"][0, 1, 2] == 0  # causal hides it all the same
    layer = ran(WhatIf(puts=("scaled[1][0]=100",)))[0]
    assert layer["weights"][0, 1, 0] == pytest.approx(1)
    np.testing.assert_array_equal(layer["weights"][0, 2:], ran(WhatIf())[0]["weights"][0, 2:])
    np.testing.assert_allclose(layer["head_output"][0, 1], layer["V"][0, 0])


def test_weights_that_are_set_blend_the_values_as_they_are() -> None:
    trace = ran(WhatIf(puts=("weights[0]=[0,0,1,0,0,0]", "weights[3][3]=0.5")))
    layer = trace[0]
    np.testing.assert_array_equal(layer["head_output"][0, 0], layer["V"][0, 2])
    np.testing.assert_allclose(layer["head_output"][0, 3], layer["weights"][0, 3] @ layer["V"][0])
    assert layer["weights"][0, 3].sum() != pytest.approx(1)
    assert "a row of weights that was set sums to what it was set to, not to 1" in trace.notes


def test_embeddings_that_are_set_go_through_all_projections() -> None:
    layer, plain = (ran(what_if)[0] for what_if in (WhatIf(puts=("X[2][1]=3",)), WhatIf()))
    assert layer["X"][2, 1] == 3
    for name in ("Q", "K", "V"):
        changed = (layer[name] != plain[name]).any(axis=2)[0]
        assert changed.tolist() == [False, False, True, False, False, False]


def test_a_temperature_divides_the_last_scores_whatever_was_done_to_them() -> None:
    for options in ({}, {"mask": "causal"}, {"positions": "alibi"}, {"softcap": "2", "mask": "causal"}):
        plain, warm = (run(Request(TEXT, what_if=WhatIf(temperature=t), **options))[0] for t in (None, "2"))
        last = next(name for name in ("biased", "softcapped", "scaled") if name in plain)
        np.testing.assert_allclose(warm[last], plain[last] / 2, rtol=1e-12)
        masked = warm["masked"] if "masked" in warm else warm[last]
        exponentials = np.exp(masked)
        np.testing.assert_allclose(warm["weights"], exponentials / exponentials.sum(axis=-1, keepdims=True))


def test_a_head_that_is_switched_off_adds_nothing_to_the_output(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_text(json.dumps(GROUPED))
    plain = run(Request(weights=str(path)))[0]
    heads = plain.heads
    each = []
    for head in range(heads):
        off = WhatIf(without_heads=tuple(f"0.{other}" for other in range(heads) if other != head))
        each.append(run(Request(weights=str(path), what_if=off))[0]["output"])
    nothing = run(
        Request(
            weights=str(path),
            what_if=WhatIf(without_heads=("0.0,0.1",) if heads == 2 else tuple(f"0.{h}" for h in range(heads))),
        )
    )[0]["output"]
    np.testing.assert_allclose(sum(one - nothing for one in each), plain["output"] - nothing, atol=1e-12)


def test_a_trace_starts_again_at_the_stage_that_is_set(call: Attn, tmp_path: Path) -> None:  # noqa: F811
    assert call("explain", TEXT, "--mask", "causal", "-o", "t.npz").code == 0
    for put in ("scores[0][0]=3", "scaled[4][1]=-2", "weights[2][0]=0.25", "V[1][1]=9", "Q[0][0]=1", "masked[3][1]=5"):
        from_trace = call("explain", "-w", "t.npz", "--set", put, "--json").json()
        from_text = call("explain", TEXT, "--mask", "causal", "--set", put, "--json").json()
        for one, other in zip(from_trace["layers"], from_text["layers"], strict=True):
            for stage in other["stages"]:
                assert one[stage] == other[stage], (put, stage)


def test_a_trace_that_does_not_carry_w_o_loses_its_output_with_a_note(call: Attn, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "p.json").write_text(json.dumps(PARAMETERS | {"W_O": [[1, 2], [0, 1]]}))
    assert call("explain", "-w", "p.json", "-o", "t.json").code == 0
    found = call("explain", "-w", "t.json", "--set", "scores[0][0]=3", "--json").json()
    assert "output" not in found["layers"][0]
    assert "output is left out: the trace does not contain all its inputs" in found["notes"]
    call("explain", "-w", "t.json", "--set", "X[0][0]=3").complains(2, "does not contain W_Q and W_K")


def test_heads_of_a_trace_are_named_by_their_own_numbers(call: Attn) -> None:  # noqa: F811
    assert call("explain", TEXT, "--heads", 4, "--head", "1,3", "-o", "t.npz").code == 0
    plain = call("explain", "-w", "t.npz", "--json").json()["layers"][0]
    off = call("explain", "-w", "t.npz", "--without-head", "0.3", "--json").json()["layers"][0]
    assert off["head_output"][0] == plain["head_output"][0]
    assert not np.array(off["head_output"][1]).any()
    call("explain", "-w", "t.npz", "--without-head", "0.2").complains(1, "--without-head 0.2: there is no head 2")


def test_a_text_without_a_token_is_the_text_that_never_had_it(call: Attn) -> None:  # noqa: F811
    without = call("explain", TEXT, "--without-token", "cat", "--json").json()
    assert without["layers"] == call("explain", "the sat on a mat", "--json").json()["layers"]
    twice = call("explain", "a b a", "--without-token", "a", "--json").json()
    assert twice["tokens"] == ["b"]
    assert call("explain", "a b a", "--without-token", "a#2", "--json").json()["tokens"] == ["a", "b"]
    assert "what if: without the token cat" in without["notes"]


def test_the_run_before_and_after_is_compared_without_a_second_text(call: Attn) -> None:  # noqa: F811
    found = call("compare", TEXT, "--set", "scores[0][0]=9", "--json").json()
    assert found["first"] == {"layer": "layers.0", "layer_index": 0, "stage": "scores"}
    assert [note for note in found["a"]["notes"] if note.startswith("what if")] == []
    found = call("compare", TEXT, "--mask", "causal", "--json").json()
    assert [(s["name"], s["a"], s["b"]) for s in found["settings"]] == [("mask", "none", "causal")]
    found = call("compare", TEXT, "--heads", 2, "--head", 0, "--with", "head=1", "--stage", "weights", "--json").json()
    weights = call("explain", TEXT, "--heads", 2, "--json").json()["layers"][0]["weights"]
    assert found["largest"] == np.abs(np.array(weights[1]) - np.array(weights[0])).max()
    call("compare", TEXT, "--heads", 2, "--head", "0,1", "--with", "head=1").complains(2, "A has head 1 too")


def test_what_follows_from_a_stage_is_what_is_made_of_it() -> None:
    assert followers("V") == {"head_output", "output"}
    assert followers("output") == frozenset()
    assert {"Q", "K", "V", "scores", "weights", "output"} < followers("X")
    assert "V" not in followers("Q")


REFUSED = [
    (("--set", "weights[0]"), 2, "is not STAGE[INDEX]=NUMBER"),
    (("--set", "weights[0][9]=1"), 1, "weights[0][9]: there is no column 9"),
    (("--set", "weights[0][0][0][0]=1"), 1, "weights[0][0][0][0] is not a cell of weights"),
    (("--set", "weights[0]=[1,2]"), 1, "2 numbers for a row of 6"),
    (("--set", "weights[0][1]=nan"), 2, "neither a number nor a row"),
    (("--set", "biased[0][1]=1"), 1, "there is no biased here to change"),
    (("--set", "layers.3.weights[0][0]=1"), 1, "there is no layer 'layers.3'"),
    (("--without-head", "0.1"), 1, "there is no head 1"),
    (("--without-head", "2.0"), 1, "there is no layer 2"),
    (("--without-token", "dog"), 1, "there is no token 'dog'"),
    (("--temperature", "-1"), 2, "a number above 0"),
]


@pytest.mark.parametrize(("options", "code", "message"), REFUSED)
def test_a_change_that_cannot_be_is_refused_with_its_place(
    options: tuple[str, ...],
    code: int,
    message: str,
    call: Attn,  # noqa: F811
) -> None:
    call("heatmap", TEXT, *options).complains(code, message)


def test_a_text_keeps_a_token() -> None:
    with pytest.raises(SelectionError, match="no token is left"):
        run(Request("a a", what_if=WhatIf(without_tokens=("a",))))


@pytest.mark.parametrize("option", [["--without-token", "a"], ["--temperature", "2"]])
def test_a_change_that_has_nothing_to_act_on_is_refused(call: Attn, tmp_path: Path, option: list[str]) -> None:  # noqa: F811
    (tmp_path / "w.json").write_text(json.dumps({"tokens": ["a", "b"], "weights": [[1, 0], [0.5, 0.5]]}))
    call("heatmap", "-w", "w.json", *option).complains(2, "cannot act here")
