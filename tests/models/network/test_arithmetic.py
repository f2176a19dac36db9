"""Products, norms and activations come out the same however they are cut and shared out."""

from math import erf, sqrt

import numpy as np
import pytest

from attn_cli.core import norms, threads
from attn_cli.core.norms import Norm, by_bands
from attn_cli.errors import DocumentError
from attn_cli.models.network import products
from attn_cli.models.network.arithmetic import ACTIVATIONS
from attn_cli.models.network.products import Linear, linear, through


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of this size is shared out among three threads, in bands of a few rows; matrices by 16 of theirs."""
    monkeypatch.setattr(threads, "cores", lambda: 3)
    for module, name, value in (
        (products, "WORTH", 1),
        (norms, "NUMBERS", 1),
        (norms, "BAND", 15),
    ):
        monkeypatch.setattr(module, name, value)


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
    x, weight, bias = drawn(tokens, 13), drawn(43, 13, seed=6), drawn(43, seed=7)
    other = drawn(20, 13, seed=8)
    given = np.ascontiguousarray(weight.T).T if turned else weight
    for y, truth in zip(
        linear(x, Linear(given, bias), Linear(other)),
        (x.astype(np.float64) @ weight.T + bias, x.astype(np.float64) @ other.T),
        strict=True,
    ):
        assert y.dtype == np.float32
        assert y.flags.c_contiguous
        np.testing.assert_allclose(y, truth, rtol=0, atol=1e-5)


@pytest.mark.parametrize("tokens", [0, 1, 63, 67])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_what_goes_up_and_down_is_that_of_plain_matrices(
    tokens: int, cut: bool, request: pytest.FixtureRequest
) -> None:
    if cut:
        request.getfixturevalue("small")
    x, gate, up, down = drawn(tokens, 13), drawn(43, 13, seed=6), drawn(43, 13, seed=7), drawn(13, 43, seed=8)
    bias, below = drawn(43, seed=9), drawn(13, seed=10)
    y = through(x, [Linear(gate, bias), Linear(up)], lambda one, other: np.tanh(one) * other, Linear(down, below))
    wide = x.astype(np.float64)
    truth = (np.tanh(wide @ gate.T + bias) * (wide @ up.T)) @ down.T + below
    assert y.dtype == np.float32
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y, truth, rtol=0, atol=3e-5)


@pytest.mark.parametrize("tokens", [1, 15, 16, 17, 63, 64, 70, 100, 128, 300])
@pytest.mark.parametrize("turned", [False, True], ids=["out × in", "in × out"])
@pytest.mark.parametrize("small_products", [False, True])
def test_rows_at_a_time_and_tokens_of_zeros_change_nothing(
    tokens: int, turned: bool, small_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_has_small_products", lambda: small_products)
    x = drawn(tokens, 64)
    weights = [drawn(96, 64, seed=6), drawn(64, 96, seed=7)]
    up, down = (Linear(np.ascontiguousarray(one.T).T if turned else one, drawn(len(one), seed=8)) for one in weights)
    wide = x.astype(np.float64)
    truth = wide @ up.weight.T + up.bias
    np.testing.assert_allclose(linear(x, up)[0], truth, rtol=0, atol=3e-5)
    truth = np.tanh(truth) @ down.weight.T + down.bias
    np.testing.assert_allclose(through(x, [up], np.tanh, down), truth, rtol=0, atol=3e-5)


@pytest.mark.parametrize("tokens", [16, 32, 48])
def test_maps_that_are_stored_each_its_own_way_meet_cell_by_cell(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_has_small_products", lambda: True)
    x, gate, up, down = drawn(tokens, 64), drawn(96, 64), drawn(64, 96, seed=6).T, drawn(64, 96, seed=7)
    y = through(x, [Linear(gate), Linear(up)], lambda one, other: one * other, Linear(down))
    wide = x.astype(np.float64)
    truth = ((wide @ gate.T) * (wide @ up.T)) @ down.T
    np.testing.assert_allclose(y, truth, rtol=1e-4, atol=1e-3)


def test_maps_that_do_not_fit_together_are_refused_by_name() -> None:
    x, up, down = drawn(2, 13), Linear(drawn(11, 13), what="up"), Linear(drawn(13, 12), what="down")
    with pytest.raises(DocumentError, match="down is 13×12, and takes vectors of width 11"):
        through(x, [up], np.tanh, down)
    with pytest.raises(DocumentError, match="up makes 11 numbers, and its bias has 3"):
        Linear(drawn(11, 13), drawn(3), what="up")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_leaves_its_argument_alone(name: str) -> None:
    x = drawn(7, 5)
    before = x.copy()
    ACTIVATIONS[name](x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_a_norm_has_the_same_bits_in_bands(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    norm, x, weight, bias = Norm(kind, 1e-5), drawn(7, 5), drawn(5), drawn(5, seed=8)  # type: ignore[arg-type]
    whole = norm(x, weight, bias)
    for name, value in {"NUMBERS": 1, "BAND": 15}.items():
        monkeypatch.setattr(norms, name, value)
    np.testing.assert_array_equal(norm(x, weight, bias), whole)


def test_bands_hold_whole_tokens(small: None) -> None:
    seen: list[tuple[int, ...]] = []
    by_bands(lambda band: (seen.append(band.shape), band)[1], drawn(7, 5))
    assert sorted(seen) == [(1, 5), (3, 5), (3, 5)]


def test_gelu_is_that_of_the_error_function() -> None:
    x = np.linspace(-6, 6, 1009, dtype=np.float32)[np.newaxis]
    truth = np.array([[value * (1 + erf(value / sqrt(2))) / 2 for value in x[0].tolist()]])
    np.testing.assert_allclose(ACTIVATIONS["gelu"](x), truth, rtol=1.5e-7, atol=1.5e-7)
