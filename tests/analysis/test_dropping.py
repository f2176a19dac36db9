"""Keys left out: which, how much they held, and what is left."""

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.dropping import nothing_dropped, places_named, said, special_tokens, without, without_keys
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Trace

KEYS = ("<s>", "the", "cat", "the", "<|end|>")
MATRIX = np.array([[1.0, 0, 0, 0, 0], [0.5, 0.25, 0.25, 0, 0], [0.2, 0.2, 0.2, 0.4, 0], [0, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("spelled", "places"),
    [("first", [0]), ("special", [0, 4]), ("the", [1, 3]), ("the#2", [3]), ("-1", [4]), ("cat", [2])],
)
def test_keys_are_named_by_place_kind_or_token(spelled: str, places: list[int]) -> None:
    assert places_named(spelled, KEYS, ()) == places


def test_what_is_left_is_renormalised_and_what_is_hidden_adds_up() -> None:
    dropped = without(MATRIX, KEYS, ["first", "cat"], ())
    np.testing.assert_allclose(dropped.hidden, [1, 0.75, 0.4, np.nan])
    np.testing.assert_allclose(dropped.matrix, [[0, 0, 0], [1, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 0]])
    assert (dropped.keys, dropped.left_out, dropped.places) == (("the", "the", "<|end|>"), ("<s>", "cat"), (0, 2))
    shares = dropped.hidden[:3] + MATRIX[:3][:, [1, 3, 4]].sum(axis=1)
    np.testing.assert_allclose(shares, 1)
    assert said([dropped])[0].startswith("hidden mass: 72 %, mean over queries; left out: <s> (key 0), cat (key 2);")
    assert said([dropped])[1:] == ["1 row has nothing else and stays empty"]


def test_a_trace_keeps_its_weights_alone_and_says_what_each_head_hides() -> None:
    trace = explain("a b c d", heads=2, mask="causal")
    made = without_keys(trace, ["first"])
    (layer,) = made.layers
    assert [stage.name for stage in layer.stages] == ["weights"]
    assert (layer.query_tokens, layer.key_tokens) == (("a", "b", "c", "d"), ("b", "c", "d"))
    np.testing.assert_allclose(layer["weights"][:, 1:].sum(axis=2), 1)
    shares = trace.layers[0]["weights"][:, :, 0].mean(axis=1)
    low, high = (f"{100 * share:.0f} %" for share in (shares.min(), shares.max()))
    assert (
        f"hidden mass: {100 * shares.mean():.0f} %, mean over queries and heads ({low} to {high} by head)"
        in made.notes[0]
    )
    assert made.notes[-1] == trace.notes[-1]
    assert nothing_dropped(trace).notes[0] == "hidden mass: 0 %, no key is left out"


def test_special_tokens_are_those_that_the_tokenizer_added_whatever_they_look_like() -> None:
    trace = Trace(("!x", "a"), (), {}, notes=("special tokens that the tokenizer added: !x, !y",))
    assert special_tokens(trace) == {"!x", "!y"}
    assert places_named("special", trace.tokens, special_tokens(trace)) == [0]


@pytest.mark.parametrize(
    ("spelled", "keys", "message"),
    [
        (["dog"], KEYS, "no key 'dog'"),
        (["the#3"], KEYS, "there 2 times"),
        (["special"], ("a", "b"), "no key is a special token"),
        (["first", "b"], ("a", "b"), "would leave none of the 2 keys"),
    ],
)
def test_what_cannot_be_left_out_is_said(spelled: list[str], keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        without(np.ones((1, len(keys))), keys, spelled, ())
