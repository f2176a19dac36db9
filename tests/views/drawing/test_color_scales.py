"""How shares become colors, and that numbers stay what they are."""

import numpy as np
import pytest

from attn_cli.views.display import Display
from attn_cli.views.drawing.colors.color_scales import COLOR_SCALES
from attn_cli.views.page import Grid, Picture
from tests.views.screens import screen

SHARES = np.array([[0.9, 0.1, 0.0], [0.001, 0.0, 0.0]])
PICTURE = Picture((Grid(SHARES, ("a", "b"), ("x", "y", "z"), signed=False),))


@pytest.mark.parametrize(
    ("name", "painted"),
    [
        ("linear", SHARES),
        ("log", np.log10([[0.9, 0.1, 9e-5], [0.001, 9e-5, 9e-5]])),
        ("row", [[1, 1 / 9, 0], [1, 0, 0]]),
        ("rank", [[1, 4 / 5, 0], [3 / 5, 0, 0]]),
    ],
)
def test_each_scale_by_hand(name: str, painted: np.ndarray) -> None:
    np.testing.assert_allclose(COLOR_SCALES[name].painted([SHARES])[0], painted)


def test_a_logarithm_is_below_the_largest_of_all_matrices_and_hidden_stays_hidden() -> None:
    one, other = COLOR_SCALES["log"].painted([np.array([[100.0, -np.inf]]), np.array([[0.0]])])
    np.testing.assert_allclose(one, [[2, -np.inf]])
    np.testing.assert_allclose(other, [[-2]])


@pytest.mark.parametrize("name", COLOR_SCALES)
@pytest.mark.parametrize("color", ["truecolor", None])
def test_colors_follow_the_scale_and_numbers_do_not(name: str, color: str | None) -> None:
    shown = screen(PICTURE, color=color, display=Display(color_scale=name))
    assert COLOR_SCALES[name].meaning in shown
    numbers = screen(PICTURE, display=Display(color_scale=name, numbers=True))
    assert numbers.splitlines()[1].split() == ["a", "0.90", "0.10", "0.00"]
    colored = [
        screen(PICTURE, color="truecolor", display=Display(color_scale=way, numbers=True)) for way in (name, "linear")
    ]
    assert (colored[0] == colored[1]) == (name == "linear")


def test_the_color_bar_of_a_logarithm_shows_numbers() -> None:
    bar = screen(PICTURE, display=Display(color_scale="log")).splitlines()[-2]
    assert bar.startswith("0.0001 |")
    assert bar.endswith("| 0.9")


def test_small_shares_are_seen_in_a_row_of_their_own_or_by_rank() -> None:
    linear = screen(PICTURE, display=Display(color_scale="linear")).splitlines()[2]
    assert linear == "b"
    for name in ("log", "row", "rank"):
        assert screen(PICTURE, display=Display(color_scale=name)).splitlines()[2] != "b", name


def test_signed_numbers_keep_their_colors() -> None:
    signed = Picture((Grid(SHARES - 0.5, ("a", "b"), ("x", "y", "z")),))
    assert screen(signed, color="256", display=Display(color_scale="log")) == screen(signed, color="256")
