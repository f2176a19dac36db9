"""Arrays whose axes stand in another order."""

from typing import Any

import numpy as np
import pytest

from attn_cli.errors import AttnError
from attn_cli.sources.documents.layouts import Counts, laid_out
from attn_cli.trace.trace import Layer
from tests.sources.documents.files import CONTAINERS, numbers, read

HEADS, TOKENS, WIDTH = 2, 5, 3
WORDS = ["a", "b", "c", "d", "e"]
Q, K, V = (numbers(HEADS, TOKENS, WIDTH, seed=seed) for seed in (1, 2, 3))


def attended(document: dict[str, Any], container: str = ".npz") -> tuple[Layer, tuple[str, ...]]:
    parameters = read(document, container=container)
    return parameters.attended(), parameters.notes


def by_token(array: Any) -> Any:
    return np.ascontiguousarray(array.transpose(1, 0, 2))


RIGHT, _ = attended({"Q": Q, "K": K, "V": V, "tokens": WORDS, "mask": "causal"})
SAYING = {"tokens": {"tokens": WORDS}, "heads": {"heads": HEADS}, "weights": {"weights": RIGHT["weights"]}}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("saying", SAYING)
@pytest.mark.parametrize("batch", [False, True])
def test_tokens_heads_or_weights_show_that_tokens_come_first(container: str, saying: str, batch: bool) -> None:
    arrays = {"Q": by_token(Q), "K": by_token(K), "V": by_token(V)}
    if batch:
        arrays = {name: array[np.newaxis] for name, array in arrays.items()}
    layer, notes = attended({**arrays, "mask": "causal", **SAYING[saying]}, container)
    np.testing.assert_allclose(layer["weights"], RIGHT["weights"])
    np.testing.assert_allclose(layer["output"], RIGHT["output"])
    assert notes == ("stored as (token, head, feature) and read as (head, token, feature): K, V, Q",)


@pytest.mark.parametrize("container", CONTAINERS)
def test_arrays_in_the_layout_of_attn_stay_as_they_are(container: str) -> None:
    for shape in ((), (1,)):
        arrays = {name: array.reshape(*shape, *array.shape) for name, array in (("Q", Q), ("K", K), ("V", V))}
        layer, notes = attended({**arrays, "tokens": WORDS, "mask": "causal"}, container)
        np.testing.assert_array_equal(layer["weights"], RIGHT["weights"])
        assert notes == ()


def test_a_batch_of_one_may_stand_between_tokens_and_heads() -> None:
    arrays = {"Q": by_token(Q)[:, np.newaxis], "K": by_token(K)[:, np.newaxis], "V": by_token(V)[:, np.newaxis]}
    for container in (".npz", ".json"):
        layer, _ = attended({**arrays, "tokens": WORDS, "mask": "causal"}, container)
        np.testing.assert_allclose(layer["output"], RIGHT["output"])


def test_keys_with_features_before_tokens_are_transposed() -> None:
    layer, notes = attended({"Q": Q, "K": K.swapaxes(1, 2), "V": V, "tokens": WORDS, "mask": "causal"})
    np.testing.assert_allclose(layer["weights"], RIGHT["weights"])
    assert notes == ("stored as (head, feature, token) and read as (head, token, feature): K",)


def test_grouped_heads_and_a_decode_step_are_laid_out_by_their_keys() -> None:
    q = numbers(6, TOKENS, WIDTH)
    right, _ = attended({"Q": q, "K": K, "V": V, "tokens": WORDS})
    layer, _ = attended({"Q": by_token(q), "K": by_token(K), "V": by_token(V), "tokens": WORDS})
    np.testing.assert_allclose(layer["weights"], right["weights"])
    step, _ = attended({"Q": by_token(q)[-1:], "K": by_token(K), "V": by_token(V), "tokens": WORDS})
    np.testing.assert_allclose(step["weights"], right["weights"][:, -1:])


@pytest.mark.parametrize("order", [(1, 2, 0), (1, 0, 2)])
def test_weights_with_heads_last_or_in_the_middle_are_exchanged(order: tuple[int, int, int]) -> None:
    stored = RIGHT["weights"].transpose(order)
    layer, notes = attended({"weights": np.ascontiguousarray(stored), "tokens": WORDS, "heads": HEADS})
    np.testing.assert_array_equal(layer["weights"], RIGHT["weights"])
    assert notes[0].endswith("and read as (head, query, key): weights")


def test_outputs_by_head_follow_the_heads_of_the_queries() -> None:
    blend = RIGHT["head_output"]
    layer, _ = attended({"Q": Q, "K": K, "V": V, "head_output": by_token(blend), "tokens": WORDS, "mask": "causal"})
    np.testing.assert_allclose(layer["head_output"], blend)


def test_cross_attention_goes_by_the_tokens_of_each_side() -> None:
    k, v = numbers(HEADS, 4, WIDTH), numbers(HEADS, 4, WIDTH, seed=1)
    labels = {"tokens": WORDS, "context_tokens": ["w", "x", "y", "z"]}
    right, _ = attended({"Q": Q, "K": k, "V": v, **labels})
    layer, _ = attended({"Q": by_token(Q), "K": by_token(k), "V": by_token(v), **labels})
    np.testing.assert_allclose(layer["output"], right["output"])


def test_where_nothing_shows_the_order_a_note_says_how_it_was_read() -> None:
    layer, notes = attended({"Q": by_token(Q), "K": by_token(K), "V": by_token(V)})
    assert layer.heads == TOKENS
    assert notes == ("K is read as 5 heads of 2 tokens: give tokens or heads, and attn finds the order of the axes",)


def test_as_many_heads_as_tokens_are_left_as_they_are() -> None:
    square = numbers(5, 5, 3)
    document = {"Q": square, "K": square, "tokens": WORDS}
    assert laid_out(document, Counts(tokens=5)) == (document, ())


@pytest.mark.parametrize("shape", [(4, 2, 3), (3, 2, 4), (2, 2, 2)])
def test_an_array_that_fits_in_no_order_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(AttnError):
        attended({"Q": numbers(*shape), "K": numbers(*shape), "tokens": WORDS})


@pytest.mark.parametrize("value", [[[[1, 2], [3]]], [[]], [], "x", None, [[[[[1]]]]], np.zeros((0, 2, 3))])
def test_what_is_not_an_array_is_left_for_the_reader(value: Any) -> None:
    document = {"K": value, "Q": value}
    assert laid_out(document, Counts(tokens=2, heads=3))[0] == document or isinstance(value, np.ndarray)
