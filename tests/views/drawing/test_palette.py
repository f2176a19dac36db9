"""Colors in order, and text that can be read on them."""

import numpy as np
import pytest

from attn_cli.views.drawing.colors.palette import BLACK, PALETTES, WHITE, level_of, luminance, readable_on, xterm


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", [name for name, palette in PALETTES.items() if not palette.diverging])
def test_a_sequential_palette_grows_lighter_with_every_level(name: str) -> None:
    assert np.all(np.diff([luminance(color) for color in PALETTES[name].levels]) > 0)


def test_the_diverging_palette_is_lightest_in_the_middle_and_dark_at_both_ends() -> None:
    levels = PALETTES["diverging"].levels
    light = [luminance(color) for color in levels]
    assert light.index(max(light)) == len(levels) // 2
    assert len(levels) % 2 == 1
    assert max(light[0], light[-1]) < 0.15
    assert levels[0][2] > levels[0][0]
    assert levels[-1][0] > levels[-1][2]


@pytest.mark.parametrize("name", PALETTES)
def test_256_colors_keep_the_order_of_brightness(name: str) -> None:
    light = [luminance(xterm(number)) for number in PALETTES[name].cube]
    rising = np.sign(np.diff(light)).tolist()
    half = len(light) // 2 if PALETTES[name].diverging else len(light) - 1
    assert rising == [1] * half + [-1] * (len(rising) - half)


def test_the_numbers_of_the_256_colors() -> None:
    assert [xterm(number) for number in (16, 21, 208, 231, 232, 255)] == [
        (0, 0, 0),
        (0, 0, 255),
        (255, 135, 0),
        (255, 255, 255),
        (8, 8, 8),
        (238, 238, 238),
    ]


@pytest.mark.parametrize("name", PALETTES)
def test_text_can_be_read_on_every_level(name: str) -> None:
    grounds = [*PALETTES[name].levels, *map(xterm, PALETTES[name].cube)]
    assert min(contrast(ground, readable_on(ground)) for ground in grounds) >= 4.5


def test_black_stands_on_white_and_white_on_black() -> None:
    assert readable_on(WHITE) == BLACK
    assert readable_on(BLACK) == WHITE
    assert luminance(WHITE) == pytest.approx(1)
    assert luminance((255, 0, 0)) == pytest.approx(0.2126)


def test_shares_become_levels_of_equal_width() -> None:
    shares = np.array([0, 0.249, 0.25, 0.5, 0.75, 1, 1.5, -0.5])
    assert level_of(shares, 4).tolist() == [0, 0, 1, 2, 3, 3, 3, 0]


def test_the_published_ends_of_viridis_and_cividis() -> None:
    assert PALETTES["viridis"].levels[0] == (0x44, 0x01, 0x54)
    assert PALETTES["viridis"].levels[-1] == (0xFD, 0xE7, 0x24)
    assert PALETTES["cividis"].levels[0] == (0x00, 0x22, 0x4D)
