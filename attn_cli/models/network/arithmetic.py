"""The arithmetic around attention: tables of positions and activations, as PyTorch defines them."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array


def check_alike(x: Array, y: Array, what: str) -> None:
    """DocumentError where two arrays that are to be added or multiplied cell by cell differ in shape."""
    if x.shape != y.shape:
        raise DocumentError(
            f"{what} makes vectors of width {y.shape[-1]} where others are {x.shape[-1]} wide",
            hint="config.json and the weights contradict each other",
        )


def sinusoids(positions: Array, width: int) -> Array:
    """Sines of positions, then their cosines (token, feature): the two halves of a vector, not turn by turn."""
    pairs = np.arange(width) // 2
    angles = positions[:, np.newaxis] / np.power(10000, 2 * pairs / width)
    table: Array = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1).astype(np.float32)
    return table


def gelu(x: Array) -> Array:
    """x · Φ(x), Φ being the normal distribution: Φ(x) = 1 / (1 + exp(−x · p(x²))), its log-odds a polynomial.

    The largest error is below that of rounding 1 + erf(x / √2) to float32. The coefficients are our own fit:
    the smallest largest error of x · Φ(x) where x² ≤ 5.5², beyond which p stays as it is.
    """
    square = x * x
    np.minimum(square, _LOG_ODDS_END, out=square)
    y: Array = square * _LOG_ODDS[0]
    for coefficient in _LOG_ODDS[1:-1]:
        y += coefficient
        y *= square
    y += _LOG_ODDS[-1]
    y *= x
    np.exp(y, out=y)
    y += 1
    return np.divide(x, y, out=y)


_LOG_ODDS_END = np.float32(5.5**2)
_LOG_ODDS = np.array(
    [
        -3.61123142e-09,
        2.66892755e-07,
        -7.93821788e-06,
        1.10480309e-04,
        6.62600133e-05,
        -7.26685671e-02,
        -1.59576843e00,
    ],
    dtype=np.float32,
)


def gelu_tanh(x: Array) -> Array:
    y: Array = x.dtype.type(0.044715) * x
    y *= x
    y *= x
    y += x
    y *= x.dtype.type(math.sqrt(2 / math.pi))
    np.tanh(y, out=y)
    y += 1
    y *= 0.5
    y *= x
    return y


def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def silu(x: Array) -> Array:
    product: Array = x * sigmoid(x)
    return product


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


Activation = Callable[[Array], Array]
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "gelu": gelu,
        "gelu_python": gelu,
        "gelu_new": gelu_tanh,
        "gelu_fast": gelu_tanh,
        "gelu_pytorch_tanh": gelu_tanh,
        "quick_gelu": lambda x: x * sigmoid(1.702 * x),
        "relu": relu,
        "relu2": lambda x: np.square(relu(x)),
        "silu": silu,
        "swish": silu,
        "tanh": np.tanh,
        "linear": lambda x: x,
    }
)


def activation(name: str) -> Activation:
    """The activation that a config names; DocumentError for one that nobody has written."""
    if name not in ACTIVATIONS:
        raise DocumentError(f"the activation {name!r} is not known", hint=f"known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
