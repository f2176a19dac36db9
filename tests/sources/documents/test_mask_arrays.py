"""attn_mask in all its forms: where a query may look, and what is added to its scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DocumentError, SpecError
from attn_cli.sources.documents.mask_arrays import read_mask
from attn_cli.trace.trace import Array
from tests.sources.documents.files import CONTAINERS, layer_of, numbers, trace_of

INF = float("inf")
HIDDEN = [[False, True, True], [False, False, True]]
BIAS: list[list[float]] = [[0.5, 0, 0], [0, -2, 0]]
FORMS: dict[str, tuple[Any, Any, Any]] = {
    "truth values": ([[True, False, False], [True, True, False]], None, HIDDEN),
    "truth values and null": ([[True, None, False], [True, True, None]], None, HIDDEN),
    "0 and null": ([[0, None, None], [0, 0, None]], None, HIDDEN),
    "0 and the word": ([[0, "-Infinity", "-Infinity"], [0, 0, "-Infinity"]], None, HIDDEN),
    "numbers": ([[0.5, 0, 0], [0, -2, 0]], BIAS, None),
    "numbers and null": ([[0.5, None, None], [0, -2, None]], BIAS, HIDDEN),
    "numbers and truth values": ([[0.5, False, False], [True, -2, False]], BIAS, HIDDEN),
    "whole numbers": ([[3, 0, 1], [0, 1, 2]], [[3, 0, 1], [0, 1, 2]], None),
    "a very negative number": ([[0, -1e9, 0], [0, 0, 0]], [[0, -1e9, 0], [0, 0, 0]], None),
    "all true": ([[True, True], [True, True]], None, [[False, False], [False, False]]),
    "zeros with a point": ([[0.0, 0.0], [0.0, 0.0]], None, None),
    "an array of truth values": (~np.array(HIDDEN), None, HIDDEN),
    "an array of numbers": (np.where(HIDDEN, -INF, BIAS), BIAS, HIDDEN),
    "an array of float16": (np.where(HIDDEN, -INF, BIAS).astype("f2"), BIAS, HIDDEN),
    "an array of whole numbers": (np.array([[3, 0], [0, -7]]), [[3, 0], [0, -7]], None),
    "per head": ([[[True, False]], [[True, True]]], None, [[[False, True]], [[False, False]]]),
    "a leading 1": ([[[True, False], [True, True]]], None, [[False, True], [False, False]]),
    "two leading 1s": (np.array([[[[0, -INF], [0, 0]]]]), None, [[False, True], [False, False]]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_mask_says_what_is_hidden_and_what_is_added(form: str) -> None:
    value, bias, hidden = FORMS[form]
    for found, expected in zip(read_mask(value, "d: attn_mask"), (bias, hidden), strict=True):
        if expected is None:
            assert found is None
        else:
            np.testing.assert_array_equal(found, expected)


WRONG: list[tuple[Any, str]] = [
    ([[0, 1], [1, 1]], "integers 0 and 1"),
    ([[0, 0], [0, 0]], "integers 0 and 1"),
    (np.eye(3, dtype=int), "integers 0 and 1"),
    (np.eye(3, dtype="u1"), "integers 0 and 1"),
    ([[True, "yes"]], 'attn_mask[0][1]: expected true, false, null or a number, found "yes"'),
    ([[True, True], [True]], "attn_mask[1]: expected 2 cells, found 1"),
    ([[[True, True], [True, True]], [[True, True]]], "attn_mask[1]: expected 2 cells, found 1"),
    ([[0.5, 10**400]], "attn_mask[0][1]"),
    ([[0.5, "Infinity"]], "attn_mask[0][1]"),
    ([[0.5, INF]], "NaN or +∞"),
    ([[0.5, float("nan")]], "NaN or +∞"),
    (np.array([[np.nan, 0.5]]), "NaN or +∞"),
    ([], "queries × keys"),
    ([[]], "attn_mask[0]: expected"),
    (np.zeros((2, 2, 3, 3)), "2×2×3×3"),
    (np.array([["a"]]), "<U1"),
    (np.array([[1j]]), "complex"),
    ("causal", 'expected a list, found "causal"'),
    (True, "expected a list, found true"),
    ({"0": [True]}, "expected a list, found an object"),
]


@pytest.mark.parametrize(("value", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_no_mask_is_refused_with_the_place(value: Any, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_mask(value, "d: attn_mask")
    assert caught.value.message.startswith("d: attn_mask")
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("container", [".npz", ".safetensors"])
def test_truth_values_are_kept_by_containers_of_arrays(container: str, tmp_path: Path) -> None:
    mask = np.tri(5, dtype=bool)
    found = layer_of({"Q": numbers(5, 3), "K": numbers(5, 3), "attn_mask": mask}, tmp_path, container=container)
    expected = layer_of({"Q": numbers(5, 3), "K": numbers(5, 3), "mask": "causal"}, tmp_path)
    np.testing.assert_array_equal(found["weights"], expected["weights"])


def attended(attn_mask: Any, folder: Path, **settings: Any) -> Array:
    document = {"Q": numbers(2, 5, 3).tolist(), "K": numbers(2, 5, 3).tolist(), "attn_mask": attn_mask} | settings
    return trace_of(json.dumps(document).encode(), folder).layers[0]["weights"]


def test_mask_and_attn_mask_both_apply(tmp_path: Path) -> None:
    last = [[key > 0 for key in range(5)]] * 5
    weights = attended(last, tmp_path, mask="causal")
    np.testing.assert_array_equal(weights[0] > 0, [[1 <= key <= query for key in range(5)] for query in range(5)])


def test_a_mask_of_each_head_hides_in_that_head_alone(tmp_path: Path) -> None:
    first, second = [[True] * 5] * 5, [[True, True, None, True, True]] * 5
    weights = attended([first, second], tmp_path)
    assert (weights[0] > 0).all()
    np.testing.assert_array_equal((weights[1] == 0).all(axis=0), [False, False, True, False, False])


def test_a_mask_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises((SpecError, DocumentError), match="attn_mask is 5×4, and scores are 2×5×5"):
        attended([True] * 4, tmp_path)
    with pytest.raises((SpecError, DocumentError), match="attn_mask is 5×1, and scores are 2×5×5"):
        attended([[True]] * 5, tmp_path)
    with pytest.raises((SpecError, DocumentError), match="attn_mask is 3×5×5, and scores are 2×5×5"):
        attended([[[True] * 5] * 5] * 3, tmp_path)


def test_a_very_negative_number_is_added_and_noted(tmp_path: Path) -> None:
    mask = np.where(np.tri(5, dtype=bool), 0.0, -1e9)
    data = CONTAINERS[".npz"]({"Q": numbers(5, 3), "K": numbers(5, 3), "attn_mask": mask})
    trace = trace_of(data, tmp_path)
    assert "masked" not in trace.layers[0]
    assert trace.notes == ("attn_mask adds -1e+09 to some scores: that is a bias, not a mask; null or −∞ hides",)
