"""Folding, flowing and pooling by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_cli.views.drawing.boxes import Box, flow, runs
from attn_cli.views.drawing.colors.scale import ColorRange, scale_of
from attn_cli.views.drawing.folding import Fold, blocks, fold, fold_by, fold_to, note_of, whole
from attn_cli.views.drawing.pictures.pooling import blocks_for, pooled


def test_the_first_and_the_last_rows_are_shown() -> None:
    assert fold(10, 5) == Fold(10, (0, 1, 2, 8, 9))
    assert fold(10, 5).gaps == (3,)
    assert fold(5, 5) == whole(5)


def test_columns_fold_to_the_room_there_is() -> None:
    assert fold_to([5] * 4, 20, 3) == whole(4)
    assert fold_to([5] * 5, 20, 3) == Fold(5, (0, 1, 4))
    assert fold_to([5] * 5, 4, 3) == Fold(5, (0,))


def test_the_columns_with_the_largest_numbers_are_kept_and_every_gap_is_marked() -> None:
    kept = fold_by([0.1, 0.9, 0.2, 0.8, 0.7], [4] * 5, 18, 3)
    assert kept == Fold(5, (1, 3, 4))
    assert kept.gaps == (0, 1)
    assert fold_by([0.9, 0.1, 0.1], [4] * 3, 9, 3) == Fold(3, (0,))
    assert Fold(3, (0,)).gaps == (1,)
    assert fold_by([0.1, 0.9], [4] * 2, 8, 3) == whole(2)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=20), st.integers(12, 60))
def test_kept_columns_and_their_marks_never_take_more_than_the_room(
    columns: list[tuple[float, int]], room: int
) -> None:
    sizes, widths = zip(*columns, strict=True)
    kept = fold_by(sizes, widths, room, 3)
    assert sum(widths[i] for i in kept.indices) + 3 * len(kept.gaps) <= room or len(kept.indices) == 1
    assert max(range(len(sizes)), key=lambda i: (sizes[i], -i)) in kept.indices


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(12, 60))
def test_folded_columns_never_take_more_than_the_room(widths: list[int], room: int) -> None:
    folded = fold_to(widths, room, 3)
    assert sum(widths[place] for place in folded.indices) + (3 if folded.hidden else 0) <= room
    assert folded.indices[0] == 0


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(9, 30))
def test_blocks_of_columns_fit_and_leave_nothing_out(widths: list[int], room: int) -> None:
    found = list(blocks(widths, room))
    assert [place for start, end in found for place in range(start, end)] == list(range(len(widths)))
    assert all(sum(widths[start:end]) <= room for start, end in found)


def test_the_note_counts_what_is_not_shown() -> None:
    assert note_of(whole(3), Fold(9, (4,)), smaller=True) == "… 8 more columns with smaller weights; --full shows all"
    assert note_of(whole(3), whole(3)) == ""
    assert note_of(fold(10_000, 24), whole(3)) == "… 9,976 more rows; --full shows all"
    assert note_of(fold(25, 24), fold(9, 5)) == "… 1 more row and 4 more columns; --full shows all"


def test_neighbours_of_one_style_are_one_run() -> None:
    assert list(runs([1, 1, 2, 1])) == [(0, 2, 1), (2, 3, 2), (3, 4, 1)]
    assert list(runs([])) == []


def test_boxes_stand_side_by_side_where_they_fit() -> None:
    box = Box(([("ab", None)], [("c", None)]), (2, 1))
    short = Box(([("xy", None)],), (2,))
    lines = ["".join(text for text, _ in line) for line in flow([short, box, box], 7)]
    assert lines == ["xy   ab", "     c", "", "ab", "c"]


def test_blocks_of_cells_become_their_largest_number_or_their_mean() -> None:
    values = np.arange(15.0).reshape(3, 5)
    np.testing.assert_allclose(pooled(values, 2, 2), [[6, 8, 9], [11, 13, 14]])
    np.testing.assert_allclose(pooled(values, 2, 2, "mean"), [[3, 5, 6.5], [10.5, 12.5, 14]])


def test_the_largest_of_signed_numbers_is_the_farthest_from_0() -> None:
    hidden = -np.inf
    values = np.array([[1.0, -3, hidden, hidden], [2, 0, hidden, -1], [np.nan, 1, 2, hidden]])
    np.testing.assert_array_equal(pooled(values, 2, 2), [[-3, -1], [np.nan, 2]])


def test_a_single_large_weight_survives_pooling_and_a_diagonal_stays_a_diagonal() -> None:
    weights = np.eye(70, k=-1) * 0.9
    shown = pooled(weights, 7, 7)
    assert shown.max() == 0.9
    np.testing.assert_array_equal(shown > 0, (np.eye(10) + np.eye(10, k=-1)) > 0)


def test_hidden_cells_do_not_count_in_a_mean_and_nan_stays() -> None:
    hidden = -np.inf
    values = np.array([[1, hidden, hidden, hidden], [3, 8, hidden, hidden], [np.nan, 1, 2, np.inf]])
    np.testing.assert_array_equal(pooled(values, 2, 2, "mean"), [[4, hidden], [np.nan, np.inf]])
    np.testing.assert_array_equal(pooled(values, 2, 2), [[8, hidden], [np.nan, np.inf]])


@given(st.integers(1, 23), st.integers(1, 23), st.integers(1, 5), st.integers(1, 5))
def test_pooling_is_that_of_each_block_in_plain_loops(n: int, m: int, rows: int, columns: int) -> None:
    values = np.random.default_rng(n * m).random((n, m))
    values[values < 0.2] = -np.inf
    means, largest = (pooled(values, rows, columns, by) for by in ("mean", "max"))
    for i in range(means.shape[0]):
        for j in range(means.shape[1]):
            block = values[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            seen = block[np.isfinite(block)]
            np.testing.assert_allclose(means[i, j], seen.mean() if seen.size else -np.inf)
            assert largest[i, j] == block.max()


@pytest.mark.parametrize(
    ("shape", "blocks_"), [((10, 10), (1, 1)), ((500, 100), (10, 10)), ((500, 20), (10, 1)), ((1000, 500), (25, 25))]
)
def test_a_square_block_keeps_diagonals_straight(shape: tuple[int, int], blocks_: tuple[int, int]) -> None:
    assert blocks_for(shape, 50, 20) == blocks_


def test_a_scale_begins_at_zero_or_has_it_in_the_middle() -> None:
    values = [np.array([[0.2, 0.6, np.nan, -np.inf, np.inf]])]
    assert scale_of(values, signed=False, centered=False) == ColorRange(0, 0.6)
    assert scale_of(values, signed=True, centered=True) == ColorRange(-0.6, 0.6)
    assert scale_of(values, signed=True, centered=False) == ColorRange(0.2, 0.6)
    assert scale_of([np.zeros((2, 2))], signed=False, centered=False) == ColorRange(0, 1)


def test_levels_tell_hidden_cells_and_nan_from_numbers() -> None:
    values = np.array([[0, 0.5, 1, -np.inf, np.nan, np.inf]])
    assert ColorRange(0, 1).levels(values, 4).tolist() == [[0, 2, 3, 4, 5, 3]]
    assert ColorRange(0, 0).levels(np.zeros((1, 1)), 5).tolist() == [[2]]
    assert ColorRange(-1e308, 1e308).levels(np.array([[-1e308, 1e308]]), 4).tolist() == [[0, 3]]
