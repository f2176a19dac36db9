"""An option overrides the document's setting, and one that cannot act is a wrong command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.errors import AttnError, SpecError, UsageError
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.trace.files.codec import trace_to_json
from tests.sources.documents.files import (
    D_MODEL,
    Document,
    a_document,
    arrays,
    as_json,
    layer_of,
    numbers,
    same,
    trace_of,
)

X = a_document(embeddings=None, tokens=None, X=numbers(5, D_MODEL), W_Q=numbers(D_MODEL, 4), W_K=numbers(D_MODEL, 4))
QKV: Document = {"Q": numbers(5, 4), "K": numbers(5, 4), "V": numbers(5, 2)}
SCORES: Document = {"scores": numbers(5, 5), "d_k": 4, "V": numbers(5, 2)}
WEIGHTS: Document = {"weights": np.full((5, 5), 0.2), "V": numbers(5, 2)}
SPELLED: dict[str, Any] = {
    "mask": "sliding:2",
    "positions": "rope:50",
    "scale": "0.25",
    "softcap": "0.5",
    "dtype": "float32",
    "heads": 2,
}


@pytest.mark.parametrize("option", SPELLED)
@pytest.mark.parametrize("stored", [None, "other"])
def test_an_option_overrides_the_documents_setting(option: str, stored: str | None, tmp_path: Path) -> None:
    other = {"mask": "causal", "positions": "alibi", "scale": "none", "softcap": 3, "dtype": "float16"}
    before = {option: other[option]} if stored and option in other else {}
    value = SPELLED[option] if option not in ("scale", "softcap") else float(SPELLED[option])
    document = X | {"W_V": numbers(D_MODEL, 2)}
    expected = layer_of(document | {option: value}, tmp_path)
    found = layer_of(document | before, tmp_path, **{option: SPELLED[option]})
    same(found, expected)


def test_heads_may_share_fewer_keys_than_the_document_says(tmp_path: Path) -> None:
    document = X | {"heads": 2, "W_K": numbers(D_MODEL, 2)}
    same(layer_of(document, tmp_path, kv_heads=1), layer_of(document | {"kv_heads": 1}, tmp_path))


def test_settings_that_are_taken_away_are_gone(tmp_path: Path) -> None:
    document = X | {"mask": "causal", "softcap": 3, "positions": "rope", "scale": 0.5}
    found = layer_of(document, tmp_path, mask="none", softcap="none", positions="none", scale="sqrt")
    same(found, layer_of(X, tmp_path))


def test_stored_stages_are_shown_until_an_option_changes_what_made_them(tmp_path: Path) -> None:
    whole = arrays(layer_of(X | {"heads": 1}, tmp_path))
    odd = np.full((1, 5, 5), 0.2)
    document = X | {name: whole[name] for name in ("Q", "K", "V", "scores", "scaled")} | {"weights": odd}
    np.testing.assert_array_equal(layer_of(document, tmp_path)["weights"], odd)
    for change in ({"mask": "causal"}, {"scale": "2"}, {"positions": "rope"}, {"heads": 2}, {"dtype": "float32"}):
        found = layer_of(document, tmp_path, **change)
        expected = layer_of(X, tmp_path, **change)
        assert [stage.name for stage in found.stages] == [stage.name for stage in expected.stages]
        for name, array in arrays(expected).items():
            np.testing.assert_array_equal(found[name], array, err_msg=f"{change}: {name}")


def test_values_that_no_projection_makes_outlive_a_change(tmp_path: Path) -> None:
    document = X | {"V": numbers(5, 2)}
    document.pop("W_V")
    for change in ({"dtype": "float32"}, {"positions": "sinusoidal"}):
        layer = layer_of(document, tmp_path, **change)
        np.testing.assert_array_equal(layer["V"][0], document["V"].astype(layer.settings.dtype))
        assert "output" in layer


def test_a_narrower_dtype_computes_again_from_the_earliest_stage(tmp_path: Path) -> None:
    for document in (X, QKV | {"positions": "rope"}, SCORES, {"scaled": numbers(5, 5), "V": numbers(5, 2)}, WEIGHTS):
        first = layer_of(document, tmp_path)
        stored = document | {
            name: array for name, array in arrays(first).items() if name not in ("X", "embedded", "output")
        }
        stored |= {"scale": first.settings.scale}
        stored.pop("d_k", None)
        found = layer_of(stored, tmp_path, dtype="float32")
        expected = layer_of(document | {"scale": first.settings.scale}, tmp_path, dtype="float32")
        assert [stage.name for stage in found.stages] == [stage.name for stage in expected.stages]
        for name, array in arrays(expected).items():
            assert found[name].dtype == np.float32
            np.testing.assert_array_equal(found[name], array, err_msg=name)


CANNOT: list[tuple[Document, dict[str, Any]]] = [
    (WEIGHTS, {"mask": "causal"}),
    (WEIGHTS, {"scale": "2"}),
    (WEIGHTS, {"softcap": "2"}),
    (WEIGHTS, {"positions": "alibi"}),
    (WEIGHTS, {"positions": "rope"}),
    (WEIGHTS, {"heads": 2}),
    ({"masked": numbers(5, 5)}, {"mask": "causal"}),
    ({"biased": numbers(5, 5)}, {"softcap": "2"}),
    ({"biased": numbers(5, 5)}, {"positions": "alibi"}),
    ({"scaled": numbers(5, 5)}, {"scale": "2"}),
    (SCORES, {"positions": "rope"}),
    (SCORES, {"positions": "sinusoidal"}),
    (QKV, {"heads": 2}),
    (QKV, {"kv_heads": 1}),
    (QKV, {"positions": "sinusoidal"}),
    (QKV | {"positions": "sinusoidal"}, {"positions": "none"}),
    ({"Q_rotated": numbers(5, 4), "K_rotated": numbers(5, 4), "positions": "rope"}, {"positions": "none"}),
    ({"Q": numbers(6, 5, 4), "K": numbers(3, 5, 4)}, {"heads": 4}),
    (X | {"V": numbers(5, 2), "W_V": None}, {"heads": 2}),
    (a_document(**{f"W_{name}": numbers(2, D_MODEL, 3) for name in "QKV"}), {"heads": 1}),
    (a_document(**{f"W_{name}": numbers(2, D_MODEL, 3) for name in "QKV"}), {"kv_heads": 1}),
    (a_document(), {"seed": 1}),
    (a_document(), {"seed": 1, "unknown": "zero", "text": "dog"}),
    (a_document(), {"dim": 8}),
    (a_document(), {"head_dim": 8}),
    (a_document(), {"matrix_stage": "scores"}),
    (a_document(), {"tokenizer": "char"}),
    (X, {"unknown": "zero"}),
    (X, {"context": "some words"}),
]


@pytest.mark.parametrize(("document", "options"), CANNOT)
def test_an_option_that_cannot_act_is_refused(document: Document, options: dict[str, Any], tmp_path: Path) -> None:
    kept = {key: value for key, value in document.items() if value is not None}
    layer_of(kept, tmp_path)
    with pytest.raises(UsageError) as caught:
        layer_of(kept, tmp_path, **options)
    name = "--as" if "matrix_stage" in options else "--" + next(iter(options)).replace("_", "-")
    assert name in caught.value.message
    assert name in caught.value.hint
    assert caught.value.exit_code == 2


TRACE_CANNOT: list[dict[str, Any]] = [
    {"heads": 2},
    {"kv_heads": 1},
    {"dim": 4},
    {"seed": 1},
    {"unknown": "zero"},
    {"unknown": "random", "seed": 1},
    {"matrix_stage": "weights"},
    {"positions": "sinusoidal"},
    {"context": "some words"},
    {"tokenizer": "byte"},
]


@pytest.mark.parametrize("options", TRACE_CANNOT)
def test_an_option_that_cannot_act_on_a_trace_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    data = trace_to_json(explain("the cat sat"))
    trace_of(data, tmp_path)
    with pytest.raises(UsageError):
        trace_of(data, tmp_path, **options)


@pytest.mark.parametrize("options", [{"unknown": "zero"}, {"matrix_stage": "scores"}])
def test_an_option_that_needs_a_document_is_refused_without_one(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="there is no document"):
        run(Request(text="the cat", **options))


@pytest.mark.parametrize(
    ("option", "value"),
    [("mask", "casual"), ("positions", "rope:0"), ("scale", "big"), ("softcap", "-1"), ("dtype", "float8")],
)
def test_a_bad_spelling_in_an_option_is_a_wrong_command_line(option: str, value: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {option: value}
    for make in (lambda: explain("a", **asked), lambda: layer_of(X, tmp_path, **asked)):
        with pytest.raises(UsageError) as caught:
            make()
        assert f"--{option}: " in caught.value.message
        assert caught.value.exit_code == 2


def test_a_bad_spelling_in_a_document_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(AttnError) as caught:
        trace_of(as_json(X | {"mask": "casual"}), tmp_path)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("options", [{"dim": 0}, {"head_dim": 0}, {"heads": 0}, {"dim": 7, "heads": 2}, {"dim": -3}])
def test_vectors_without_numbers_and_heads_that_do_not_divide_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        explain("the cat", **options)
