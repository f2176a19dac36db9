"""`attn init` of a checkpoint's layer: what is written can be edited, and computes what the model does."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Attn, call  # noqa: F401

pytest.importorskip("tokenizers")
SAMPLE = str(Path(__file__).parents[2] / "samples" / "known-heads")
TEXT = "the cat sat on the mat and the cat"
ONE = ["init", "-m", SAMPLE, TEXT, "--layer", "1"]


def test_what_init_writes_of_a_layer_weighs_as_the_layer_does(call: Attn) -> None:  # noqa: F811
    assert call(*ONE, "-o", "layer.json").code == 0
    found = call("explain", "-w", "layer.json", "--json").json()
    expected = call("explain", "-m", SAMPLE, TEXT, "--layer", "1", "--stage", "all", "--json").json()
    assert found["tokens"] == expected["tokens"]
    for stage in ("X", "Q", "weights", "output"):
        np.testing.assert_allclose(found["layers"][0][stage], expected["layers"][0][stage], atol=2e-5)


def test_a_number_can_be_changed_and_the_layer_run_again(call: Attn, tmp_path: Path) -> None:  # noqa: F811
    document = call(*ONE, "--head", "0").json()
    assert (document["heads"], document["kv_heads"], document["mask"]) == (1, 1, "causal")
    assert np.shape(document["W_Q"])[1] == np.shape(document["W_O"])[0]
    document["W_Q"] = np.zeros_like(document["W_Q"]).tolist()
    document["b_Q"] = np.zeros_like(document["b_Q"]).tolist()
    (tmp_path / "blind.json").write_text(json.dumps(document))
    layer = call("explain", "-w", "blind.json", "--json").json()["layers"][0]
    np.testing.assert_allclose(layer["weights"][0][4][:5], np.full(5, 0.2), atol=1e-6)


def test_numbers_have_no_more_digits_than_float32_needs(call: Attn) -> None:  # noqa: F811
    document = call(*ONE).json()
    assert document["dtype"] == "float32"
    for name in ("X", "W_Q", "W_O"):
        exact = np.array(document[name])
        np.testing.assert_array_equal(exact, [[float(str(number)) for number in row] for row in exact.astype("f4")])


def test_a_mask_of_ones_own_is_written_in_place_of_the_models(call: Attn) -> None:  # noqa: F811
    assert call(*ONE, "--mask", "sliding:2").json()["mask"] == "sliding:2"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "--layer"),
        (["--layer", "0,1"], 1, "choose one"),
        (["--layer", "7"], 1, "layers are 0 to 1"),
        (["--layer", "1", "--head", "9"], 1, "heads are 0 to 3"),
        (["--layer", "1", "--words"], 2, "--words cannot act here"),
        (["--layer", "1", "--next", "3"], 2, "--next cannot act here"),
        (["--layer", "1", "--dim", "4"], 2, "--dim cannot act here"),
    ],
)
def test_what_cannot_be_written_is_refused(call: Attn, options: list[str], code: int, words: str) -> None:  # noqa: F811
    call("init", "-m", SAMPLE, TEXT, *options).complains(code, words)


@pytest.mark.parametrize("option", ["--layer", "--head"])
def test_without_a_checkpoint_there_is_no_layer_to_choose(call: Attn, option: str) -> None:  # noqa: F811
    call("init", "a b", option, "0").complains(2, f"{option} cannot act here")
