"""Stored weights that need a word: averages, NaN in hidden cells, bits, rows that do not sum to 1."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DocumentError, SpecError
from attn_cli.sources.explain import run
from attn_cli.sources.request import Request
from attn_cli.trace.files.to_json import trace_to_json
from tests.sources.documents.files import CONTAINERS, a_document, numbers, read, trace_of

Q, K = numbers(3, 5, 4), numbers(3, 5, 4, seed=1)
BY_HEAD = read({"Q": Q, "K": K, "mask": "causal"}).attended()["weights"]
CAUSAL = np.tri(5, dtype=bool)


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_average_over_heads_is_named(container: str) -> None:
    document = {"Q": Q, "K": K, "weights": BY_HEAD.mean(axis=0), "mask": "causal"}
    with pytest.raises(DocumentError, match="weights is the average over the 3 heads, one matrix for all") as caught:
        read(document, container=container)
    assert "average_attn_weights=False" in caught.value.hint
    with pytest.raises(DocumentError, match="weights is the average over the 3 heads"):
        read(document | {"weights": BY_HEAD.mean(axis=0, keepdims=True)}, container=container)


def test_one_matrix_that_is_not_the_average_is_named_with_its_distance() -> None:
    other = np.eye(5)
    with pytest.raises(DocumentError, match=r"one matrix for 3 heads, and up to 0\.\d+ from their average"):
        read({"Q": Q, "K": K, "weights": other, "mask": "causal"})


def test_an_average_beside_projections_is_named_by_the_heads_that_are_stated() -> None:
    document = a_document(W_Q=numbers(7, 6), W_K=numbers(7, 6, seed=1), W_V=numbers(7, 6, seed=2), heads=2)
    average = read(document).attended()["weights"].mean(axis=0)
    with pytest.raises(DocumentError, match="weights is the average over the 2 heads"):
        read(document | {"weights": average})


def test_one_head_is_no_average() -> None:
    layer = read({"Q": Q[:1], "K": K[:1], "weights": BY_HEAD[:1]}).attended()
    np.testing.assert_array_equal(layer["weights"], BY_HEAD[:1])


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "declared", [{}, {"mask": "causal"}, {"attn_mask": CAUSAL.tolist()}, {"mask": "sliding:5"}], ids=str
)
def test_nan_in_hidden_cells_is_read_as_0(container: str, declared: dict[str, Any]) -> None:
    stored: Any = np.where(CAUSAL, BY_HEAD, np.nan)
    if container == ".json":
        stored = [[[None if np.isnan(cell) else cell for cell in row] for row in head] for head in stored.tolist()]
    parameters = read({"weights": stored, **declared}, container=container)
    np.testing.assert_array_equal(parameters.attended()["weights"], BY_HEAD)
    assert "weights: NaN is read as 0 in 30 numbers that the mask hides" in parameters.notes


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"mask": "none"}, r"weights\[0\]\[0\]\[1\]"),
        ({"mask": "prefix:2"}, r"weights\[0\]\[0\]\[1\]"),
        ({"weights": np.where(CAUSAL, BY_HEAD / 2, np.nan)}, r"weights\[0\]\[0\]\[1\]"),
        ({"weights": np.where(np.eye(5, dtype=bool), np.nan, BY_HEAD)}, r"weights\[0\]\[0\]\[0\]"),
    ],
)
def test_nan_that_no_mask_hides_is_refused_with_its_place(changes: dict[str, Any], where: str) -> None:
    document = {"weights": np.where(CAUSAL, BY_HEAD, np.nan)} | changes
    with pytest.raises(DocumentError, match=f"{where}: expected a finite number, found NaN"):
        read(document, container=".npz")


def test_rows_of_queries_that_see_nothing_may_be_nan_where_a_mask_says_so() -> None:
    mask = CAUSAL.copy()
    mask[:2] = False
    right = read({"Q": Q, "K": K, "V": Q, "attn_mask": mask}).attended()
    blind = ~mask.any(axis=1)[:, np.newaxis]
    document = {
        "Q": Q,
        "K": K,
        "V": Q,
        "attn_mask": mask,
        "weights": np.where(blind, np.nan, right["weights"]),
        "head_output": np.where(blind, np.nan, right["head_output"]),
        "output": np.where(blind, np.nan, right["output"]),
    }
    parameters = read(document, container=".npz")
    layer = parameters.attended()
    for stage in ("weights", "head_output", "output"):
        np.testing.assert_array_equal(layer[stage], right[stage])
    assert [note.partition(":")[0] for note in parameters.notes] == ["weights", "head_output", "output"]
    # A check must see them.
    stored = read(document, container=".npz", allow_nonfinite=True).given
    assert np.isnan(stored["weights"]).sum() == 3 * 2 * 5
    with pytest.raises(DocumentError, match="head_output"):
        read({"V": Q, "weights": right["weights"], "head_output": document["head_output"]}, container=".npz")


def test_a_mask_that_does_not_fit_is_still_what_is_refused() -> None:
    document = {"Q": Q, "K": K, "weights": np.where(CAUSAL, BY_HEAD, np.nan), "attn_mask": np.ones((4, 4), bool)}
    with pytest.raises(SpecError, match="attn_mask is 4×4"):
        read(document, container=".npz").attended()


def test_infinities_of_masked_scores_may_be_bare(tmp_path: Path) -> None:
    trace = trace_of(b'{"masked": [[1.0, -Infinity], [0.5, 0.5]]}', tmp_path)
    np.testing.assert_array_equal(trace.layers[0]["weights"][0], [[1, 0], [0.5, 0.5]])
    assert trace.notes == ("masked: -Infinity hides a cell, as null does",)
    trace = trace_of(b'{"layers": [{"masked": [[1.0, -Infinity], [0.5, 0.5]]}]}', tmp_path)
    assert np.isneginf(trace.layers[0]["masked"][0, 0, 1])
    with pytest.raises(DocumentError, match="found -Infinity") as caught:
        trace_of(b'{"scores": [[1.0, -Infinity]], "scale": 1}', tmp_path)
    assert "name the array masked" in caught.value.hint


@pytest.mark.parametrize("dtype", ["u2", "i4"])
def test_bits_are_named_with_their_dtype(dtype: str, tmp_path: Path) -> None:
    bits = np.full((2, 2), 16256, dtype)
    notes = trace_of(CONTAINERS[".npz"]({"weights": bits}), tmp_path).notes
    assert notes[0].startswith(f"weights are whole numbers up to 16,256 ({np.dtype(dtype)})")
    assert trace_of(CONTAINERS[".npz"]({"weights": np.eye(2, dtype=dtype)}), tmp_path).notes == ()


def test_rows_that_do_not_sum_to_1_get_a_note_with_the_worst(tmp_path: Path) -> None:
    weights = BY_HEAD.copy()
    weights[1, 3] *= 1.5
    weights[2, 4] *= 1.25
    document = {"weights": weights, "tokens": ["a", "b", "c", "d", "e"]}
    (note,) = trace_of(CONTAINERS[".json"](document), tmp_path).notes
    assert note == 'rows of weights do not sum to 1: head 1: the row of "d" sums to 1.5; attn check says why'
    by_path = {"layers.0.weights": BY_HEAD, "layers.1.weights": weights}
    trace = trace_of(CONTAINERS[".npz"](by_path), tmp_path)
    assert "layers.1, head 1: the row of" in trace.notes[-1]
    (tmp_path / "again.json").write_bytes(trace_to_json(trace))
    assert run(Request(weights=str(tmp_path / "again.json"))).notes == trace.notes


@pytest.mark.parametrize(
    "document",
    [
        {"weights": BY_HEAD.round(3)},
        {"weights": BY_HEAD.astype(np.float16)},
        {"weights": np.where(np.arange(5)[:, np.newaxis] < 2, 0.0, BY_HEAD)},
        {"weights": BY_HEAD * 0.75, "sink_weight": np.full((3, 5), 0.25)},
        {"Q": Q, "K": K, "sinks": [1.0, 2.0, 3.0]},
    ],
)
def test_rounding_blind_queries_and_sinks_get_no_such_note(document: dict[str, Any], tmp_path: Path) -> None:
    notes = trace_of(CONTAINERS[".npz"](document), tmp_path).notes
    assert not any("sum to 1" in note for note in notes)


def test_a_trace_with_a_sink_reads_back_without_a_note(tmp_path: Path) -> None:
    sunk = trace_of(CONTAINERS[".npz"]({"Q": Q, "K": K, "sinks": [1.0, 2.0, 3.0]}), tmp_path)
    layer = sunk.layers[0].select(None, ("weights",))
    (tmp_path / "t.json").write_bytes(trace_to_json(type(sunk)(sunk.tokens, (layer,), sunk.source)))
    assert run(Request(weights=str(tmp_path / "t.json"))).notes == ()


def test_a_row_that_was_set_gets_one_note() -> None:
    from attn_cli import explain

    notes = explain("a b c", put=["weights[0][1]=[1,1,1]"]).notes
    assert sum("sum" in note for note in notes) == 1
