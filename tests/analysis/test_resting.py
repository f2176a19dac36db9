"""Keys on which heads rest, left out of the grid of a checkpoint's heads."""

from dataclasses import replace

import numpy as np

from attn_cli.analysis.dropping import resting
from attn_cli.trace.trace import Trace
from attn_cli.views.page import Atlas, Prose
from attn_cli.views.pages.atlas import atlas_page
from tests.analysis.heads.weights import trace_of

WORDS = ["<s>", *"abcdefg"]


def rows(share: float, count: int = 8) -> np.ndarray:
    """Causal rows with this share on the first key, the rest spread over the keys that follow."""
    made = np.zeros((count, count))
    for query in range(count):
        made[query, : query + 1] = (1 - share) / max(1, query)
        made[query, 0] = share if query else 1.0
    return made


def checkpoint(*heads: np.ndarray, words: list[str] | None = None) -> Trace:
    return replace(trace_of(words or WORDS, *heads), source={"kind": "checkpoint", "path": "x", "model_type": "gpt2"})


def test_keys_that_hold_over_half_are_named_as_drop_spells_them() -> None:
    assert resting(checkpoint(rows(0.9), rows(0.4))) == ("first", "special")
    assert resting(checkpoint(rows(0.9), words=list("abcdefgh"))) == ("first",)
    assert resting(checkpoint(rows(0.3), rows(0.5))) == ()


def test_the_first_queries_of_a_short_causal_text_are_no_evidence() -> None:
    even = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, np.newaxis]
    assert even[:, 0].mean() > 0.5
    assert resting(checkpoint(even, words=list("abcd"))) == ()


def test_two_keys_have_to_remain() -> None:
    assert resting(checkpoint(rows(0.9, 2), words=["<s>", "a"])) == ()


def grid_of(page: tuple[object, ...]) -> Atlas:
    return next(block for block in page if isinstance(block, Atlas))


def test_the_grid_of_a_checkpoint_lacks_them_and_says_how_much_they_held() -> None:
    trace = checkpoint(rows(0.9), rows(0.8))
    page = atlas_page(trace)
    matrix = grid_of(page).rows[0].heads[0].values
    assert matrix.shape == (8, 7)
    np.testing.assert_allclose(np.where(np.isneginf(matrix), 0, matrix)[1:].sum(axis=1), 1)
    words = " ".join(block.text for block in page if isinstance(block, Prose))
    assert "<s> (key 0) left out: it held 87% of the attention" in words
    assert "--drop none draws all keys" in words


def test_random_numbers_and_a_chosen_drop_keep_all_keys() -> None:
    trace = checkpoint(rows(0.9), rows(0.8))
    assert grid_of(atlas_page(replace(trace, source={"kind": "random"}))).rows[0].heads[0].values.shape == (8, 8)
    assert grid_of(atlas_page(trace, drawn=trace)).rows[0].heads[0].values.shape == (8, 8)
