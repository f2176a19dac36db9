"""Keys left out: which, how much they held, and what is left."""

import numpy as np
import pytest

from attn_cli import explain
from attn_cli.analysis.dropping import dropped_notes, positions_named, special_tokens, without, without_keys
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Trace

KEYS = ("<s>", "the", "cat", "the", "<|end|>")
MATRIX = np.array([[1.0, 0, 0, 0, 0], [0.5, 0.25, 0.25, 0, 0], [0.2, 0.2, 0.2, 0.4, 0], [0, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("spelled", "places"),
    [("first", [0]), ("special", [0, 4]), ("the", [1, 3]), ("the#2", [3]), ("-1", [4]), ("cat", [2])],
)
def test_keys_are_named_by_place_kind_or_token(spelled: str, places: list[int]) -> None:
    assert positions_named(spelled, KEYS, ()) == places


def test_remaining_keys_are_rescaled_and_shares_add_up() -> None:
    dropped = without(MATRIX, KEYS, ["first", "cat"], ())
    np.testing.assert_allclose(dropped.hidden, [1, 0.75, 0.4, np.nan])
    np.testing.assert_allclose(dropped.matrix, [[0, 0, 0], [1, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 0]])
    assert (dropped.keys, dropped.left_out, dropped.positions) == (("the", "the", "<|end|>"), ("<s>", "cat"), (0, 2))
    shares = dropped.hidden[:3] + MATRIX[:3][:, [1, 3, 4]].sum(axis=1)
    np.testing.assert_allclose(shares, 1)
    assert dropped_notes([dropped]) == [
        "<s> (key 0), cat (key 2) left out: they held 72% of the attention. Rows rescaled to 100%.",
        "1 row has no other key and stays empty.",
    ]


def test_a_trace_keeps_its_weights_alone_and_says_what_each_head_hides() -> None:
    trace = explain("a b c d", heads=2, mask="causal")
    made = without_keys(trace, ["first"])
    (layer,) = made.layers
    assert [stage.name for stage in layer.stages] == ["weights"]
    assert (layer.query_tokens, layer.key_tokens) == (("a", "b", "c", "d"), ("b", "c", "d"))
    weights = layer["weights"]
    np.testing.assert_array_equal(np.isneginf(weights[0]), ~np.tri(4, 3, -1, dtype=bool))  # masked is not zero
    np.testing.assert_allclose(np.where(np.isneginf(weights), 0, weights)[:, 1:].sum(axis=2), 1)
    shares = trace.layers[0]["weights"][:, :, 0].mean(axis=1)
    mean, low, high = (f"{100 * share:.0f}" for share in (shares.mean(), shares.min(), shares.max()))
    assert f"a (key 0) left out: it held {mean}% of the attention ({low}–{high}% by head)." in made.notes[0]
    assert made.notes[-1] == trace.notes[-1]


def test_special_tokens_are_those_that_the_tokenizer_added_whatever_they_look_like() -> None:
    trace = Trace(("!x", "a"), (), {}, notes=("special tokens that the tokenizer added: !x, !y",))
    assert special_tokens(trace) == {"!x", "!y"}
    assert positions_named("special", trace.tokens, special_tokens(trace)) == [0]


@pytest.mark.parametrize(
    ("spelled", "keys", "message"),
    [
        (["dog"], KEYS, "no key 'dog'"),
        (["the#3"], KEYS, "occurs 2 times"),
        (["special"], ("a", "b"), "no key is a special token"),
        (["first", "b"], ("a", "b"), "would leave none of the 2 keys"),
    ],
)
def test_what_cannot_be_left_out_is_said(spelled: list[str], keys: tuple[str, ...], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        without(np.ones((1, len(keys))), keys, spelled, ())
