"""Names of heads: perfect ones are found at any length, and nothing else is named so."""

from pathlib import Path

import numpy as np
import pytest

from attn_cli.analysis.heads.head_names import KINDS, thresholds
from attn_cli.analysis.heads.heads import heads
from attn_cli.errors import UsageError
from tests.analysis.heads.weights import before, everywhere, first, followers, itself, looking, same, trace_of

LENGTHS = (3, 4, 7, 19, 61)


def names(words: list[str], *weights: np.ndarray, least: tuple[str, ...] = ()) -> list[str]:
    return [head.name for head in heads([trace_of(words, *weights)], thresholds(list(least))).heads]


@pytest.mark.parametrize("count", LENGTHS)
def test_perfect_heads_are_named_at_any_length(count: int) -> None:
    words = [f"w{place}" for place in range(count)]
    twice = ["<s>", *words, *words]
    for tokens in (words, twice):
        made = [
            looking(tokens, before, first),
            looking(tokens, first, first),
            looking(tokens, itself, first),
            looking(tokens, everywhere, first),
        ]
        expected = ["previous token", f"sink on {tokens[0]}", "current token", "even"]
        assert names(tokens, *made) == expected
    for rest in (first, itself, everywhere):
        made = [looking(twice, followers(twice), rest), looking(twice, same(twice), rest)]
        assert names(twice, *made) == ["induction", "duplicate token"]


@pytest.mark.parametrize("count", LENGTHS)
def test_a_head_that_shares_between_a_token_and_its_double_looks_for_duplicates(count: int) -> None:
    tokens = ["<s>", *(f"w{place}" for place in range(count))] * 2
    shared = looking(tokens, lambda query: [*same(tokens)(query), query], first)
    assert names(tokens, shared) == ["duplicate token"]


def test_one_repeat_in_a_long_text_is_enough_for_induction() -> None:
    tokens = ["<s>", *(f"w{place}" for place in range(40)), "w7"]
    assert names(tokens, looking(tokens, followers(tokens), everywhere)) == ["induction"]


def test_where_what_followed_is_always_the_token_before_the_simpler_name_is_given() -> None:
    tokens = ["<s>", "a", "b", "a", "b"]
    made = looking(tokens, before, first), looking(tokens, followers(tokens), everywhere)
    assert names(tokens, *made) == ["previous token", "induction"]


def test_what_a_simpler_head_looks_at_too_speaks_for_neither() -> None:
    tokens = "x a x b x c a".split()  # earlier occurrences of x are the first token too, but that of a is not
    assert names(tokens, looking(tokens, first, first)) == ["sink on x"]


def test_a_sink_may_be_any_token_and_is_judged_by_those_that_see_it() -> None:
    tokens = "a b . c d".split()
    (head,) = heads([trace_of(tokens, looking(tokens, lambda i: [2] if i >= 2 else [i], first))], thresholds([])).heads
    assert (head.name, head.sink, head.metrics["sink"]) == ("sink on .", (2, "."), 1)
    assert head.baseline["sink"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 5) / 3)


def test_texts_that_cannot_tell_two_kinds_apart_count_only_where_no_other_can() -> None:
    texts = [["<s>", *"abab"], ["<s>", *"abcabc"]]
    traces = [trace_of(tokens, looking(tokens, followers(tokens), everywhere)) for tokens in texts]
    assert [heads(some, thresholds([])).heads[0].queries for some in (traces[:1], traces)] == [2, 3]


def test_random_heads_are_mixed_for_the_most_part() -> None:
    rng = np.random.default_rng(0)
    tokens = ["<s>", *(f"w{place}" for place in range(13)), *(f"w{place}" for place in range(13))]
    scores = np.exp(rng.normal(size=(50, len(tokens), len(tokens)))) * np.tril(np.ones((len(tokens),) * 2))
    assert set(names(tokens, *(scores / scores.sum(axis=2, keepdims=True)))) == {"mixed"}


def test_thresholds_can_be_set_and_are_checked() -> None:
    tokens = list("abcd")
    half = (looking(tokens, before, first) + looking(tokens, everywhere, first)) / 2
    assert names(tokens, half) == ["previous token"]
    assert names(tokens, half, least=("previous_token=0.9",)) == ["mixed"]
    for spelled in ("previous_token", "previous=0.4", "even=2", "even=x", "even=nan"):
        with pytest.raises(UsageError):
            thresholds([spelled])


def test_the_sample_checkpoint_is_named_as_it_was_made() -> None:
    pytest.importorskip("tokenizers")
    from attn_cli.models.explain import run_model
    from attn_cli.models.request import ModelRequest

    sample = str(Path(__file__).parents[3] / "samples" / "known-heads")
    planted = "previous token, sink on <s>, duplicate token, even, induction, current token, even, even".split(", ")
    for text in (
        "the cat sat on the mat and the cat",
        "the cat the cat",
        "the dog and the dog",
        "the cat sat and she ran the cat sat and she ran",
        "she saw the old man and the old man saw her",
    ):
        trace = run_model(ModelRequest(sample, text), stages=("weights",))
        assert [head.name for head in heads([trace], thresholds([])).heads] == planted, text


def test_every_kind_says_what_speaks_for_it() -> None:
    assert all(kind.what and 0 < kind.least < 1 for kind in KINDS.values())
