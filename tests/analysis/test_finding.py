"""Finding a token by how a user spells it."""

import pytest

from attn_cli.analysis.finding import position_of
from attn_cli.errors import SelectionError

TOKENS = ["the", "cat", "the", "3", "the#2", "#", "é"]


@pytest.mark.parametrize(
    ("spelling", "place"),
    [("cat", 1), ("the#1", 0), ("the#2", 4), ("3", 3), ("0", 0), ("-1", 6), ("6", 6), ("#", 5), ("é", 6)],
)
def test_an_exact_token_comes_before_its_occurrence_and_an_index(spelling: str, place: int) -> None:
    assert position_of(spelling, TOKENS, "query") == place


def test_the_second_occurrence_is_found() -> None:
    assert position_of("the#2", ["the", "cat", "the"], "key") == 2
    assert position_of("##2", ["#", "#"], "key") == 1


@pytest.mark.parametrize(
    ("spelling", "message", "hint"),
    [
        ("the", "query 'the' occurs 2 times", "choose the#1 (index 0), the#2 (index 2)"),
        ("cta", "there is no query 'cta'", "did you mean 'cat'?"),
        ("CAT", "there is no query 'CAT'", "did you mean 'cat'?"),
        ("zebra", "there is no query 'zebra'", "the tokens are 'the', 'cat'"),
        ("7", "there is no query 7", "indices are 0 to 6"),
        ("-8", "there is no query -8", "indices are 0 to 6"),
        ("cat#2", "'cat' occurs once", "up to cat#1"),
        ("", "there is no query ''", "the tokens are"),
        ("٣", "there is no query '٣'", "the tokens are"),
    ],
)
def test_what_is_not_there_is_refused_with_candidates(spelling: str, message: str, hint: str) -> None:
    with pytest.raises(SelectionError) as caught:
        position_of(spelling, TOKENS, "query")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_many_candidates_are_counted() -> None:
    with pytest.raises(SelectionError) as caught:
        position_of("a", ["a"] * 30, "key")
    assert caught.value.hint.endswith("a#8 (index 7) and 22 more")
