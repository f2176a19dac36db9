"""Indices as users spell them."""

import pytest

from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.selecting import indices


@pytest.mark.parametrize(
    ("spelling", "chosen"),
    [
        (None, None),
        ("all", None),
        (" all ", None),
        ("0", [0]),
        ("-1", [4]),
        ("-5", [0]),
        ("0-3", [0, 1, 2, 3]),
        ("3-3", [3]),
        ("1--1", [1, 2, 3, 4]),
        ("-3--2", [2, 3]),
        ("4,0", [0, 4]),
        ("0, 2-3 ,-1,2", [0, 2, 3, 4]),
        ("003", [3]),
    ],
)
def test_a_spelling_means_these_of_five(spelling: str | None, chosen: list[int] | None) -> None:
    assert indices(spelling, 5, "head") == chosen


@pytest.mark.parametrize("spelling", ["", "a", "0,", "1.5", "0:3", "0-", "--1", "0-1-2", "٣", "99999999999", "all,0"])
def test_a_spelling_that_is_not_an_index_is_a_wrong_command_line(spelling: str) -> None:
    with pytest.raises(UsageError, match=r"--head: there is no head"):
        indices(spelling, 5, "head")


def test_a_range_that_runs_backwards_is_turned_round_in_the_hint() -> None:
    with pytest.raises(UsageError, match="runs backwards") as caught:
        indices("3-1", 5, "layer")
    assert caught.value.hint == "write 1-3"


@pytest.mark.parametrize("spelling", ["5", "-6", "3-5", "0,7", "-9-1"])
def test_an_index_that_is_not_there_is_wrong_input(spelling: str) -> None:
    with pytest.raises(SelectionError, match="there is no head") as caught:
        indices(spelling, 5, "head")
    assert caught.value.hint == "heads are 0 to 4"
    with pytest.raises(SelectionError) as caught:
        indices("1", 1, "layer")
    assert caught.value.hint == "there is only layer 0"
