"""Documents in the names of other programs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.errors import DocumentError
from attn_cli.sources.documents.usual import renamed
from attn_cli.trace.trace import Array
from tests.sources.documents.files import CONTAINERS, numbers, read, trace_of

Q, K, V = numbers(2, 5, 3), numbers(2, 5, 3, seed=1), numbers(2, 5, 3, seed=2)
X = numbers(5, 6)
BIG = {letter: numbers(6, 6, seed=place) for place, letter in enumerate("QKVO")}
SMALL = {letter: numbers(6, seed=place) for place, letter in enumerate("QKVO")}


def output(document: dict[str, Any], **options: Any) -> Array:
    """The output of the attention that a document describes."""
    return read(document, container=".npz", **options).attended()["output"]


PLAIN = {f"W_{letter}": matrix for letter, matrix in BIG.items()} | {f"b_{letter}": b for letter, b in SMALL.items()}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    "names",
    [
        ("q", "k", "v", "attn"),
        ("query", "key", "value", "attention_weights"),
        ("Queries", "Keys", "Values", "attn_weights"),
        ("hook_q", "hook_k", "hook_v", "hook_pattern"),
        ("query_states", "key_states", "value_states", "attentions"),
    ],
)
def test_stages_are_read_under_usual_names_and_a_note_says_how(names: tuple[str, ...], container: str) -> None:
    right = read({"Q": Q, "K": K, "V": V, "mask": "causal"}).attended()
    weights = right["weights"]
    parameters = read(dict(zip(names, (Q, K, V, weights), strict=True)) | {"mask": "causal"}, container=container)
    layer = parameters.attended()
    np.testing.assert_allclose(layer["weights"], weights)
    np.testing.assert_allclose(layer["output"], right["output"])
    words = ", ".join(
        f"{name} {'is read ' * (not place)}as {stage}"
        for place, (name, stage) in enumerate(zip(names, ("Q", "K", "V", "weights"), strict=True))
    )
    assert sorted(parameters.notes[0].replace(" is read", "").split(", ")) == sorted(
        words.replace(" is read", "").split(", ")
    )


MODULES = {
    "of a llama": ("self_attn.{}_proj.weight", "self_attn.{}_proj.bias", True),
    "of the original llama": ("attention.w{}.weight", "attention.w{}.bias", True),
    "of a diffuser": ("attn.to_{}.weight", "attn.to_{}.bias", True),
    "of flax": ("{}_proj.kernel", "{}_proj.bias", False),
    "that are short": ("w{}", "b{}", False),
    "in lower case": ("w_{}", "b_{}", False),
}


@pytest.mark.parametrize("module", MODULES)
def test_parameters_of_modules_are_read_the_right_way_round(module: str) -> None:
    matrix, bias, linear = MODULES[module]
    document: dict[str, Any] = {"X": X, "heads": 2, "mask": "causal"}
    for letter in "QKVO":
        document[matrix.format(letter.lower())] = BIG[letter].T if linear else BIG[letter]
        document[bias.format(letter.lower())] = SMALL[letter]
    right = output({"X": X, "heads": 2, "mask": "causal"} | PLAIN)
    np.testing.assert_allclose(output(document), right)
    if linear:
        np.testing.assert_allclose(output(document | {"projections": "linear"}), right)


@pytest.mark.parametrize("name", ["in_proj_weight", "attn.in_proj_weight", "attn.qkv.weight", "qkv_proj.weight"])
@pytest.mark.parametrize("declared", [{}, {"projections": "linear"}])
def test_a_fused_matrix_is_cut_into_three(name: str, declared: dict[str, str]) -> None:
    fused = {
        name: np.concatenate([BIG[letter].T for letter in "QKV"]),
        name.replace("weight", "bias"): np.concatenate([SMALL[letter] for letter in "QKV"]),
        "attn.out_proj.weight": BIG["O"].T,
        "attn.out_proj.bias": SMALL["O"],
    }
    document = {"X": X, "num_heads": 2, "mask": "causal"} | fused | declared
    np.testing.assert_allclose(output(document), output({"X": X, "heads": 2, "mask": "causal"} | PLAIN))
    notes = read(document, container=".npz").notes
    assert f"{name} is cut into W_Q, W_K and W_V" in notes
    assert any("attn.out_proj.weight as W_O, attn.out_proj.bias as b_O" in note for note in notes)


def test_a_fused_matrix_that_multiplies_from_the_right_is_cut_by_columns() -> None:
    document = {
        "X": X,
        "heads": 2,
        "c_attn.weight": np.concatenate([BIG[letter] for letter in "QKV"], axis=1),
        "c_attn.bias": np.concatenate([SMALL[letter] for letter in "QKV"]),
        "c_proj.weight": BIG["O"],
        "c_proj.bias": SMALL["O"],
    }
    np.testing.assert_allclose(output(document), output({"X": X, "heads": 2} | PLAIN))


def test_shared_heads_take_fewer_rows_of_a_fused_matrix() -> None:
    w_q, w_k, w_v = numbers(6, 8), numbers(6, 2, seed=1), numbers(6, 2, seed=2)
    fused = np.concatenate([w_q.T, w_k.T, w_v.T])
    document = {"X": X, "heads": 4, "kv_heads": 1, "qkv_proj.weight": fused}
    right = {"X": X, "heads": 4, "kv_heads": 1, "W_Q": w_q, "W_K": w_k, "W_V": w_v}
    np.testing.assert_allclose(output(document), output(right))


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        ({"X": X, "in_proj_weight": numbers(18, 6)}, "in_proj_weight: is cut by heads", "num_heads"),
        ({"X": X, "in_proj_weight": numbers(17, 6), "heads": 2}, "in_proj_weight: 17 rows cannot be cut", "heads"),
        ({"X": X, "in_proj_weight": numbers(18, 6), "heads": "2"}, '18 rows cannot be cut into "2" heads', "heads"),
        ({"X": X, "in_proj_weight": [1, 2], "heads": 1}, "in_proj_weight: expected a matrix", "matrix"),
        ({"Q": Q, "q": Q, "K": K}, "Q and q both mean Q", "keep one"),
        ({"q": Q, "query": Q, "K": K}, "q and query both mean Q", "keep one"),
        ({"Q": Q, "K": K, "attention_mask": [1] * 5, "attn_mask": [True] * 5}, "both mean attn_mask", "keep one"),
        ({"Q": Q, "K": K, "attention_mask": [1, 2, 3, 4, 5]}, "attention_mask: expected true and false", "each key"),
        ({"Q": Q, "K": K, "attention_mask": ["a"] * 5}, "attention_mask: expected true and false", "each key"),
        ({"attn_scores": Q}, "unknown key 'attn_scores'", "scores before the scale are named scores, after it scaled"),
    ],
)
def test_what_cannot_be_read_under_another_name_is_refused(document: Any, message: str, hint: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        read(document)
    assert hint in caught.value.hint


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize(
    ("key", "hides"), [("attention_mask", [1, 1, 1, 0, 0]), ("key_padding_mask", [False, False, False, True, True])]
)
def test_masks_of_padding_mean_what_their_libraries_mean(key: str, hides: Any, rank: int, container: str) -> None:
    value = np.array(hides) if rank == 1 else np.array([hides])
    parameters = read({"Q": Q, "K": K, key: value}, container=container)
    right = read({"Q": Q, "K": K, "attn_mask": [[True] * 3 + [False] * 2] * 5}).attended()
    np.testing.assert_array_equal(parameters.attended()["weights"], right["weights"])
    assert any(note.startswith(f"{key} is read as attn_mask: it hides a key where it is") for note in parameters.notes)


def test_a_mask_of_padding_for_each_query_is_read_too() -> None:
    ones = np.tril(np.ones((5, 5), int))
    layer = read({"Q": Q, "K": K, "attention_mask": ones}).attended()
    np.testing.assert_array_equal(layer["weights"], read({"Q": Q, "K": K, "mask": "causal"}).attended()["weights"])
    added = np.where(ones, 0.0, -np.inf)
    layer = read({"Q": Q, "K": K, "attention_mask": added}, container=".npz").attended()
    np.testing.assert_array_equal(layer["weights"], read({"Q": Q, "K": K, "mask": "causal"}).attended()["weights"])


def test_names_of_attn_are_left_alone() -> None:
    document = {"Q": Q, "K": K, "mask": "causal", "comment": "q and k"}
    assert renamed(document, "d") == (document, ())


def test_arrays_by_path_take_usual_names(tmp_path: Path) -> None:
    weights = np.full((2, 3, 3), 1 / 3)
    trace = trace_of(CONTAINERS[".npz"]({"layers.0.attn": weights, "layers.1.weights": weights}), tmp_path)
    assert [layer.name for layer in trace.layers] == ["layers.0", "layers.1"]
    assert trace.notes == ("attn is read as weights",)
    with pytest.raises(DocumentError, match="has 'weights' under two names"):
        trace_of(CONTAINERS[".npz"]({"layers.0.attn": weights, "layers.0.weights": weights}), tmp_path)


def test_tokens_as_bytes_are_read_as_text(tmp_path: Path) -> None:
    data = CONTAINERS[".npz"]({"weights": np.eye(2), "tokens": np.array([b"the", "é".encode()])})
    assert trace_of(data, tmp_path).tokens == ("the", "é")
