"""Position schemes, by hand and by their laws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from attn_cli.core.positions import POSITIONS, Rope
from attn_cli.core.spec import parse_positions
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array


def rotated(spelling: str, x: Array, positions: list[int]) -> Array:
    turned = parse_positions(spelling).rotated(x, np.array(positions))
    assert turned is not None
    return turned


def sines(positions: list[int], width: int) -> Array:
    added = parse_positions("sinusoidal").added(np.array(positions), width)
    assert added is not None
    return added


def test_sines_and_cosines_of_the_first_positions_on_paper() -> None:
    added = sines([0, 1, 100], 4)
    expected = [
        [0, 1, 0, 1],
        [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)],
        [np.sin(100), np.cos(100), np.sin(1), np.cos(1)],
    ]
    assert_allclose(added, expected, rtol=1e-15, atol=1e-15)


def test_an_odd_width_ends_in_a_sine() -> None:
    assert_allclose(sines([1], 3), [[np.sin(1), np.cos(1), np.sin(1 / 10000 ** (2 / 3))]], rtol=1e-15)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("rope:1", [[-3, -4, 1, 2]]),
        ("rope:1,style=interleaved", [[-2, 1, -4, 3]]),
        ("rope:1,dim=2", [[-2, 1, 3, 4]]),
    ],
)
def test_a_quarter_turn_moves_one_feature_of_a_pair_onto_the_other(
    spelling: str, expected: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rope, "_frequencies", lambda self, dim, dtype: np.full(dim // 2, np.pi / 2))
    assert_allclose(rotated(spelling, np.array([[[1.0, 2, 3, 4]]]), [1])[0], expected, atol=1e-15)


def test_the_second_pair_turns_by_the_base_to_the_half() -> None:
    turned = rotated("rope:100,style=interleaved", np.array([[[1.0, 0, 1, 0]]]), [3])
    assert_allclose(turned[0, 0], [np.cos(3), np.sin(3), np.cos(0.3), np.sin(0.3)], rtol=1e-15)


def test_a_factor_divides_positions() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert_allclose(rotated("rope:factor=2", x, [0, 6, 14]), rotated("rope", x, [0, 3, 7]), rtol=1e-14)


@pytest.mark.parametrize("spelling", ["rope", "rope:style=interleaved", "rope:50,dim=2,factor=3"])
def test_scores_of_rotated_vectors_depend_on_distance_alone(spelling: str) -> None:
    q, k = np.random.default_rng(0).normal(size=(2, 1, 1, 4))
    near, far = (rotated(spelling, q, [at]) @ rotated(spelling, k, [at - 3]).swapaxes(1, 2) for at in (3, 1003))
    assert_allclose(near, far, rtol=1e-11)


def test_position_0_turns_nothing_and_turning_keeps_length() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    turned = rotated("rope", x, [0, 1, 200])
    assert_array_equal(turned[:, 0], x[:, 0])
    assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-14)
    assert abs(turned[:, 1:] - x[:, 1:]).min() > 1e-6


@pytest.mark.parametrize("width", [3, 1])
def test_features_that_have_no_partner_are_refused(width: int) -> None:
    with pytest.raises(SpecError, match=f"{width} features of a head of width {width}"):
        rotated("rope", np.ones((1, 1, width)), [0])


@pytest.mark.parametrize("dim", [1, 3, 6])
def test_more_features_than_there_are_or_an_odd_number_are_refused(dim: int) -> None:
    with pytest.raises(SpecError, match=f"{dim} features of a head of width 4"):
        rotated(f"rope:dim={dim}", np.ones((1, 1, 4)), [0])


@pytest.mark.parametrize("positions", [[2049], [70001]])
def test_float16_knows_positions_that_it_cannot_hold(positions: list[int]) -> None:
    x = np.array([[[1.0, 0, 1, 0]]])
    turned = rotated("rope", x.astype("f2"), positions)
    assert turned.dtype == np.float16
    assert_allclose(turned, rotated("rope", x, positions), atol=2e-2)


def test_float32_turns_like_pytorch_to_the_last_bit() -> None:
    speeds = np.float32(1) / np.power(10000.0, np.array([0, 2 / 6, 4 / 6], "f4").astype("f8")).astype("f4")
    cos = np.cos(np.float32(511) * speeds)
    turned = rotated("rope", np.array([[[1, 1, 1, 0, 0, 0]]], "f4"), [511])
    assert_array_equal(turned[0, 0, :3], cos)


def test_the_slopes_of_8_heads_are_halves_and_those_of_3_take_one_from_the_next_series() -> None:
    alibi = parse_positions("alibi")
    assert_array_equal(alibi.slopes(8), [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256])
    assert_array_equal(alibi.slopes(3), [1 / 16, 1 / 256, 1 / 4])
    assert_array_equal(alibi.slopes(1), [1 / 256])


@pytest.mark.parametrize("name", POSITIONS)
def test_a_scheme_acts_in_one_place_alone(name: str) -> None:
    scheme = parse_positions(name)
    acts = [
        scheme.added(np.arange(5), 7) is not None,
        scheme.rotated(np.ones((3, 5, 2)), np.arange(5)) is not None,
        scheme.slopes(3) is not None,
    ]
    assert sum(acts) == (name != "none")
