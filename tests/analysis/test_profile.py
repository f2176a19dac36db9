"""Profiles of heads: attention by distance, against plain loops."""

import numpy as np

from attn_cli.analysis.profile import profiles
from tests.analysis.aggregation.aggregating import drawn, layer_of

RNG = np.random.default_rng(5)


def test_a_profile_sums_to_1_and_is_what_loops_find() -> None:
    weights = drawn(RNG, 2, 13, 13)
    profile = profiles(layer_of(weights=weights))
    assert profile is not None
    np.testing.assert_allclose(profile.shares.sum(axis=1), 1)
    shares = dict(zip(profile.names, profile.shares.T, strict=True))
    assert profile.names == ("first", "itself", "−1", "−2", "−4", "−8", "−16", "+1", "+2", "+4", "+8", "+16")
    np.testing.assert_allclose(shares["first"], weights[:, :, 0].mean(axis=1))
    four = sum(weights[:, i, j] for i in range(13) for j in range(1, 13) if i - j in (3, 4)) / 13
    np.testing.assert_allclose(shares["−4"], four)
    ahead = sum(weights[:, i, j] for i in range(13) for j in range(1, 13) if j - i in (5, 6, 7, 8)) / 13
    np.testing.assert_allclose(shares["+8"], ahead)


def test_a_previous_token_head_has_its_mass_at_distance_1_at_any_length() -> None:
    for length in (5, 70, 300):
        profile = profiles(layer_of_length(length))
        assert profile is not None
        assert not any(name.startswith("+") for name in profile.names)  # it never looks ahead
        assert profile.shares[0, profile.names.index("−1")] == (length - 2) / length


def layer_of_length(length: int):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    weights = np.eye(length, k=-1)[np.newaxis].copy()
    weights[0, 0, 0] = 1
    names = tuple(map(str, range(length)))
    layer = layer_of(weights=weights[:, :2, :2])
    stage = replace(layer.stages[0], array=weights)
    return replace(layer, stages=(stage,), query_tokens=names, key_tokens=names)


def test_cross_attention_has_no_profile() -> None:
    from dataclasses import replace

    assert profiles(replace(layer_of(weights=drawn(RNG, 1, 2, 3)), kind="cross")) is None
