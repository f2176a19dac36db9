"""ALiBi in bfloat16, by hand."""

import numpy as np

from attn_cli.models.network.relative import CoarseAlibi, bfloat16
from attn_cli.models.network.weights import Weights

NOTHING: Weights = None  # type: ignore[assignment]


def test_bfloat16_keeps_eight_bits_and_ties_go_to_the_even_one() -> None:
    numbers = np.array([255, 257, 259, 261, 262.5, -257, 0, 2**-7], np.float32)
    np.testing.assert_array_equal(bfloat16(numbers), [255, 256, 260, 260, 262, -256, 0, 2**-7])


def test_near_keys_fall_as_ever_and_far_ones_in_steps() -> None:
    places = np.array([0, 1, 100, 257, 259])
    bias = CoarseAlibi(heads=2, factor=0.5)(NOTHING, places, places)
    slope = 2.0**-4  # of the first of two heads
    np.testing.assert_array_equal(bias[0, 2], -0.5 * slope * np.array([100, 99, 0, 156, 160]))
    np.testing.assert_array_equal(bias[0, 4], -0.5 * slope * np.array([260, 259, 160, 4, 0]))


def test_factor_and_slope_multiply_every_distance() -> None:
    places = np.arange(7)
    bias = CoarseAlibi(heads=4, factor=0.25)(NOTHING, places, places)
    slopes = np.array([2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8])
    by_hand = -0.25 * slopes[:, np.newaxis, np.newaxis] * abs(places[:, np.newaxis] - places)
    np.testing.assert_array_equal(bias, by_hand)
