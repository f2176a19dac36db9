"""Documents that norm, clip, stretch and scale queries and keys, as checkpoints do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import AttnError, UsageError
from attn_cli.sources.documents.reading import read_document
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.documents.writing import WRITERS
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.files.codec import trace_to_json
from attn_cli.trace.trace import Layer, Trace
from tests.sources.documents.files import D_K, D_MODEL, a_document, as_json, numbers

NORM = {"qk_norm": "rms:1e-6", "Q_norm": numbers(D_K, seed=7), "K_norm": numbers(D_K, seed=8)}
WIDE = {"W_Q": numbers(D_MODEL, 4, seed=1), "W_K": numbers(D_MODEL, 4, seed=2), "positions": "rope"}


def explained(path: Path, document: dict[str, Any], **options: Any) -> Layer:
    (path / "d.json").write_bytes(as_json(document))
    return run(Request(weights=str(path / "d.json"), **options)).layers[0]


def test_queries_and_keys_are_normed_by_hand(tmp_path: Path) -> None:
    document = {
        "Q": [[3.0, 4.0]], "K": [[6.0, 8.0]], "V": [[1.0]], "scale": "none",
        "qk_norm": "rms:1e-12", "Q_norm": [5.0, 1.0],
    }  # fmt: skip
    layer = explained(tmp_path, document)
    root = np.sqrt(12.5)
    np.testing.assert_allclose(layer["Q_normed"], [[[15 / root, 4 / root]]], rtol=1e-9)
    np.testing.assert_allclose(layer["K_normed"], [[[3 / root, 4 / root]]], rtol=1e-9)
    np.testing.assert_allclose(layer["scores"], [[[(45 + 16) / 12.5]]], rtol=1e-9)


def test_projections_are_clipped_and_queries_grow_by_hand(tmp_path: Path) -> None:
    document = {
        "tokens": ["a", "b"], "X": [[1.0, -3.0], [0.2, 9.0]], "clip": 2, "query_scaling": "log:0.5,step=1",
        **{name: [[1, 0], [0, 1]] for name in ("W_Q", "W_K", "W_V")},
    }  # fmt: skip
    layer = explained(tmp_path, document)
    np.testing.assert_array_equal(layer["V"], [[[1, -2], [0.2, 2]]])
    grown = 1 + 0.5 * np.log(2)
    np.testing.assert_allclose(layer["Q"], [[[1, -2], [0.2 * grown, 2 * grown]]])
    formulas = {stage.name: stage.formula for stage in layer.stages}
    assert "clipped to ±2 · (1 + 0.5 · ln(1 + ⌊position / 1⌋))" in formulas["Q"]


def test_frequencies_that_a_base_would_make_rotate_as_that_base_does(tmp_path: Path) -> None:
    plain = explained(tmp_path, a_document(**WIDE | {"positions": "rope:100"}))
    found = explained(tmp_path, a_document(**WIDE, rotary_frequencies=[1, 0.1]))
    np.testing.assert_allclose(found["Q_rotated"], plain["Q_rotated"], rtol=1e-12)
    assert found.settings.positions == "rope"


def test_a_scheme_from_the_command_line_replaces_the_frequencies_of_the_document(tmp_path: Path) -> None:
    stretched = a_document(**WIDE, rotary_frequencies=[0.9, 0.2])
    whole = explained(tmp_path, stretched)
    stored = stretched | {name: whole[name][0] for name in ("Q", "K", "Q_rotated", "K_rotated")}
    expected = explained(tmp_path, a_document(**WIDE))
    for document in (stretched, stored):
        found = explained(tmp_path, document, positions="rope")
        np.testing.assert_array_equal(found["weights"], expected["weights"])
    assert abs(whole["weights"] - expected["weights"]).max() > 0.01


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_container_gives_back_what_acts_on_heads(suffix: str) -> None:
    document = a_document(
        **WIDE, rotary_frequencies=[0.9, 0.2], clip=0.5, query_scaling="log:0.1,step=3,ahead=1",
        qk_norm="layer:1e-05,over=each,after=rotation", Q_norm=numbers(1, 4, seed=3), K_norm=numbers(1, 4, seed=4),
        Q_norm_bias=numbers(1, 4, seed=5), K_norm_bias=numbers(1, 4, seed=6),
    )  # fmt: skip
    first = read_document(as_json(document), "d")
    assert not isinstance(first, Trace)
    parameters = read_parameters(Request(weights="d"), first, "d")
    second = read_document(WRITERS[suffix](parameters), "d")
    assert not isinstance(second, Trace)
    back = read_parameters(Request(weights="d"), second, "d")
    assert (back.spec.clip, back.spec.qk_norm, back.spec.query_scaling) == (
        parameters.spec.clip, parameters.spec.qk_norm, parameters.spec.query_scaling
    )  # fmt: skip
    layers = parameters.attended(), back.attended()
    assert [stage.name for stage in layers[0].stages] == [stage.name for stage in layers[1].stages]
    for stage in layers[0].stages:
        np.testing.assert_array_equal(layers[1][stage.name], stage.array)


LATE = a_document(**WIDE, qk_norm="rms:1e-06,after=rotation", Q_norm=numbers(4, seed=3))


def test_what_follows_a_changed_cell_depends_on_when_the_norm_comes(tmp_path: Path) -> None:
    whole = explained(tmp_path, LATE)
    stored = LATE | {name: whole[name][0] for name in ("Q", "K", "Q_rotated", "K_rotated", "Q_normed", "K_normed")}
    for cell in ("Q_rotated[1][0]=3", "K_normed[2][1]=3"):
        what_if = WhatIf(puts=(cell,))
        found, expected = (explained(tmp_path, document, what_if=what_if) for document in (stored, LATE))
        np.testing.assert_array_equal(found["weights"], expected["weights"])
        assert abs(found["weights"] - whole["weights"]).max() > 1e-3
    normed = explained(tmp_path, stored, what_if=WhatIf(puts=("Q_normed[1][0]=3",)))
    np.testing.assert_array_equal(normed["Q_rotated"], whole["Q_rotated"])


def test_a_trace_that_normed_after_rotation_cannot_rotate_anew(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_bytes(as_json(LATE))
    whole = Request(weights=str(tmp_path / "d.json"))
    trace = str(tmp_path / "t.json")
    for stages in (None, ("Q", "K", "Q_rotated", "K_rotated", "Q_normed", "K_normed")):
        (tmp_path / "t.json").write_bytes(trace_to_json(run(whole, stages=stages)))
        with pytest.raises(UsageError, match=r"does not contain all inputs of its (Q_normed|scores)"):
            run(Request(weights=trace, positions="rope:50"))
        with pytest.raises(UsageError, match=r"does not contain all inputs of its (Q_normed|scores)"):
            run(Request(weights=trace, what_if=WhatIf(puts=("Q_rotated[1][0]=3",))))
        assert run(Request(weights=trace, mask="causal")).layers[0]["weights"][0, 0, 1] == 0


WRONG = [
    ({"Q_norm": [1, 2, 3]}, "Q_norm is given, and no qk_norm"),
    (NORM | {"Q_norm": [1, 2]}, "Q_norm is 2, and Q has 1 heads of width 3"),
    (NORM | {"K_norm_bias": [[1, 2, 3]]}, "K_norm_bias is 1×3, and K has 1 heads of width 3"),
    (NORM | {"qk_norm": "rms"}, "lacks its eps"),
    (NORM | {"qk_norm": 1e-6}, "qk_norm: found 1e-06"),
    (NORM | {"qk_norm": "rms:1e-6,over=all", "Q_norm": [[1, 2, 3]]}, "Q_norm is 1×3"),
    ({"rotary_frequencies": [1]}, "rotary_frequencies are given, and no position scheme rotates"),
    ({"rotary_frequencies": [1], "positions": "alibi"}, "rotary_frequencies are given, and no position scheme rotates"),
    ({"rotary_frequencies": [1], "positions": "rope:50"}, "replace the base, dim and factor of rope"),
    ({"rotary_frequencies": [1, 2], "positions": "rope"}, "rope cannot rotate 4 features of a head of width 3"),
    ({"clip": 0}, "clip: expected a number above 0, found 0"),
    ({"clip": "2"}, "clip: found"),
    ({"query_scaling": "log:0.1"}, "lacks its step"),
    ({"query_scaling": "linear:0.1"}, "unknown scaling of queries 'linear:0.1'"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(AttnError) as caught:
        explained(tmp_path, a_document(**changes))
    assert message in caught.value.message
    assert str(tmp_path / "d.json") in caught.value.message
    assert caught.value.hint


def test_norms_are_written_as_a_reader_finds_them() -> None:
    document = read_document(as_json(a_document(**NORM)), "d")
    assert not isinstance(document, Trace)
    written = json.loads(WRITERS[".json"](read_parameters(Request(weights="d"), document, "d")))
    assert written["qk_norm"] == "rms:1e-06"
    assert written["Q_norm"] == NORM["Q_norm"].tolist()  # type: ignore[attr-defined]
