"""Sinusoidal position tables and activations, as PyTorch defines them."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array


def check_alike(x: Array, y: Array, module: str) -> None:
    """DocumentError if two arrays that are added or multiplied differ in shape; `module` names the weights of y."""
    if x.shape != y.shape:
        raise DocumentError(
            f"{module} makes vectors of width {y.shape[-1]}, but the residual stream has width {x.shape[-1]}",
            hint="config.json and the weights contradict each other",
        )


def sinusoids(positions: Array, width: int) -> Array:
    """Sinusoidal vectors (token, feature): all sines in the first half, all cosines in the second."""
    pairs = np.arange(width) // 2
    angles = positions[:, np.newaxis] / np.power(10000, 2 * pairs / width)
    table: Array = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1).astype(np.float32)
    return table


def gelu(x: Array) -> Array:
    """GELU: x · Φ(x), with Φ(x) = 1 / (1 + exp(−x · p(x²))), whose log-odds are a polynomial.

    The largest error is below that of rounding 1 + erf(x / √2) to float32. The coefficients are our own minimax fit
    of x · Φ(x) for x² ≤ 5.5²; p is constant beyond.
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
    """GELU by tanh: x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks & Gimpel 2016, arXiv 1606.08415)."""
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
    """1 / (1 + exp(−x))."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def silu(x: Array) -> Array:
    """SiLU, also called swish: x · sigmoid(x)."""
    product: Array = x * sigmoid(x)
    return product


def relu(x: Array) -> Array:
    """max(x, 0)."""
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
    """The activation of a config's name; DocumentError for an unknown name."""
    if name not in ACTIVATIONS:
        raise DocumentError(f"the activation {name!r} is not known", hint=f"known are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
