"""Products, norms and activations come out the same however they are cut and shared out."""

from math import erf, sqrt

import numpy as np
import pytest

from attn_cli.models import arithmetic
from attn_cli.models.arithmetic import ACTIVATIONS, Norm, activation, by_bands, linear


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of this size is shared out among three threads, in bands of a few rows."""
    for name, value in {"PRODUCT": 1, "NUMBERS": 1, "BAND": 15, "cores": lambda: 3}.items():
        monkeypatch.setattr(arithmetic, name, value)


def drawn(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("tokens", [0, 1, 2, 63, 64, 67])
@pytest.mark.parametrize("turned", [False, True], ids=["out × in", "in × out"])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_a_product_is_that_of_plain_matrices(
    tokens: int, turned: bool, cut: bool, request: pytest.FixtureRequest
) -> None:
    if cut:
        request.getfixturevalue("small")
    x, weight, bias = drawn(tokens, 13), drawn(11, 13, seed=6), drawn(11, seed=7)
    given = np.ascontiguousarray(weight.T).T if turned else weight
    y = linear(x, given, bias)
    assert y.dtype == np.float32
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y, x.astype(np.float64) @ weight.T + bias, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_has_the_same_bits_in_bands_and_leaves_its_argument_alone(name: str, small: None) -> None:
    x = drawn(7, 5)
    before = x.copy()
    np.testing.assert_array_equal(activation(name)(x), ACTIVATIONS[name](before))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_a_norm_has_the_same_bits_in_bands(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    norm, x, weight, bias = Norm(kind, 1e-5), drawn(7, 5), drawn(5), drawn(5, seed=8)  # type: ignore[arg-type]
    whole = norm(x, weight, bias)
    for name, value in {"NUMBERS": 1, "BAND": 15}.items():
        monkeypatch.setattr(arithmetic, name, value)
    np.testing.assert_array_equal(norm(x, weight, bias), whole)


def test_bands_hold_whole_tokens(small: None) -> None:
    seen: list[tuple[int, ...]] = []
    by_bands(lambda band: (seen.append(band.shape), band)[1], drawn(7, 5))
    assert sorted(seen) == [(1, 5), (3, 5), (3, 5)]


def test_gelu_is_that_of_the_error_function() -> None:
    x = np.linspace(-6, 6, 1009, dtype=np.float32)[np.newaxis]
    truth = np.array([[value * (1 + erf(value / sqrt(2))) / 2 for value in x[0].tolist()]])
    np.testing.assert_allclose(ACTIVATIONS["gelu"](x), truth, rtol=0, atol=1e-6)
