"""The weights of all layers in one file, as `output_attentions` gives them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Trace
from tests.sources.documents.files import CONTAINERS, trace_of

LAYERS, HEADS, TOKENS = 4, 2, 3
WEIGHTS = np.random.default_rng(3).dirichlet(np.ones(TOKENS), size=(LAYERS, HEADS, TOKENS))
WORDS = ["a", "b", "c"]


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(*arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays, **named)
    return file.getvalue()


def holds_all_layers(trace: Trace, pattern: str = "layers.{}") -> None:
    named = {layer.name: layer for layer in trace.layers}
    for number in range(LAYERS):
        np.testing.assert_array_equal(named[pattern.format(number)]["weights"], WEIGHTS[number])


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", ["attentions", "attention", "weights", "attn_weights"])
def test_layers_in_front_of_a_batch_of_one_become_layers(name: str, container: str, tmp_path: Path) -> None:
    data = CONTAINERS[container]({name: WEIGHTS[:, np.newaxis], "tokens": WORDS, "mask": "none"})
    trace = trace_of(data, tmp_path)
    holds_all_layers(trace)
    assert trace.tokens == tuple(WORDS)
    assert f"{name} holds the weights of 4 layers: 4×1×2×3×3" in trace.notes


def test_a_bare_array_of_five_axes_is_read_so_too(tmp_path: Path) -> None:
    holds_all_layers(trace_of(npy(WEIGHTS[:, np.newaxis]), tmp_path))
    holds_all_layers(trace_of(npy(WEIGHTS[np.newaxis]), tmp_path))


def test_four_axes_are_layers_only_under_a_name_that_says_so(tmp_path: Path) -> None:
    holds_all_layers(trace_of(npz(attentions=WEIGHTS), tmp_path))
    for data in (npy(WEIGHTS), npz(attn=WEIGHTS), npz(WEIGHTS)):
        with pytest.raises(DocumentError, match="4×2×3×3 may be 4 layers, or a batch of 4 texts") as caught:
            trace_of(data, tmp_path)
        assert "name layers attentions" in caught.value.hint


def test_numbered_arrays_are_layers(tmp_path: Path) -> None:
    for data in (
        npz(*(layer[np.newaxis] for layer in WEIGHTS)),
        npz(**{f"attn_{number}": layer for number, layer in enumerate(WEIGHTS)}),
        npz(**{f"attentions.{number}": layer for number, layer in enumerate(WEIGHTS)}, tokens=np.array(WORDS)),
    ):
        trace = trace_of(data, tmp_path)
        holds_all_layers(trace)
        assert trace.notes[0].endswith("hold the weights of 4 layers")


def test_one_array_without_a_name_is_a_matrix(tmp_path: Path) -> None:
    trace = trace_of(npz(WEIGHTS[0]), tmp_path)
    np.testing.assert_array_equal(trace.layers[0]["weights"], WEIGHTS[0])
    trace = trace_of(npz(WEIGHTS[0]), tmp_path, matrix_stage="scores", scale="none")
    np.testing.assert_array_equal(trace.layers[0]["scores"], WEIGHTS[0])


def test_the_stacks_of_an_encoder_and_a_decoder_keep_their_names(tmp_path: Path) -> None:
    stack = WEIGHTS[:, np.newaxis]
    data = npz(
        encoder_attentions=stack,
        decoder_attentions=stack,
        cross_attentions=stack,
        tokens=np.array(WORDS),
        context_tokens=np.array(["x", "y", "z"]),
    )
    trace = trace_of(data, tmp_path)
    for pattern in ("encoder.layers.{}", "decoder.layers.{}", "decoder.layers.{}.cross"):
        holds_all_layers(trace, pattern)
    kinds = {layer.name: layer.kind for layer in trace.layers}
    assert kinds["decoder.layers.1.cross"] == "cross"
    assert trace["encoder.layers.0"].key_tokens == ("x", "y", "z")


def test_nan_in_hidden_cells_of_a_stack_is_read_as_0(tmp_path: Path) -> None:
    causal = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, np.newaxis]
    stored = np.where(np.tri(3, dtype=bool), causal, np.nan)
    trace = trace_of(npz(attentions=np.stack([stored[np.newaxis, np.newaxis]] * 2)), tmp_path)
    np.testing.assert_array_equal(trace.layers[1]["weights"][0], causal)
    assert "weights: NaN is read as 0 in 6 numbers that the mask hides" in trace.notes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npz(attentions=np.stack([WEIGHTS, WEIGHTS], axis=1)), "4×2×2×3×3 is a batch of 2 texts in 4 layers"),
        (npz(attentions=WEIGHTS, tokens=np.array(["a", "b"])), "3 queries and 3 keys for 2 tokens"),
        (npz(arr_0=WEIGHTS[0], attn_0=WEIGHTS[0]), "attn_0 is a second layers.0"),
        (npz(attentions=WEIGHTS, zzz=WEIGHTS), "unknown key 'zzz'"),
    ],
)
def test_what_is_not_a_stack_of_one_text_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=message):
        trace_of(data, tmp_path)
