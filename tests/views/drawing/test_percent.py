"""Shares in per cent: rows that sum to 1 say 100."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.views.drawing.pictures.percent import cell_texts, percent, percents


def test_the_largest_remainders_are_rounded_up() -> None:
    assert percents([0.916, 0.042, 0.042]) == [92, 4, 4]
    assert percents([0.335, 0.333, 0.332]) == [34, 33, 33]
    assert percents([1.0, 0.0]) == [100, 0]
    assert percents([0.9170, 0.0373, 0.0457]) == [92, 4, 4]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(lambda shares: sum(shares) > 0))
def test_whole_rows_say_100_and_no_share_is_off_by_more_than_1(shares: list[float]) -> None:
    row = np.array(shares) / sum(shares)
    numbers = percents(row.tolist())
    assert sum(numbers) == 100
    assert all(abs(number - 100 * share) < 1 for number, share in zip(numbers, row, strict=True))


def test_rows_beside_a_sink_add_up_to_what_they_hold() -> None:
    assert sum(percents([0.2, 0.2, 0.2])) == 60


def test_masked_cells_and_numbers_that_are_none_have_signs_of_their_own() -> None:
    assert cell_texts(np.array([[0.25, 0.75, -np.inf], [np.nan, 0.5, 0.5]]), "·") == [
        ["25", "75", "·"],
        ["?", "50", "50"],
    ]


@pytest.mark.parametrize(("share", "text"), [(0, "0%"), (0.41, "41%"), (1, "100%"), (0.0035, "0.35%")])
def test_scales_have_per_cents_without_a_blank(share: float, text: str) -> None:
    assert percent(share) == text
