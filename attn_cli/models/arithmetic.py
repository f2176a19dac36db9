"""The arithmetic around attention: linear maps, norms and activations, as PyTorch defines them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.core.threads import cores, each
from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array

FEW = 64  # with fewer tokens than this, a product is faster the other way round
PRODUCT, NUMBERS = 2**22, 2**17  # how much of a product, and how many numbers, are worth waking a thread for
BAND = 2**15  # the numbers that go through an activation or a norm at a time, so that they stay in a core's cache


def linear(x: Array, weight: Array, bias: Array | None = None, what: str = "a matrix") -> Array:
    """x (token, in) · weightᵀ (out, in) + bias, some of its columns at a time."""
    if weight.shape[1] != x.shape[1]:
        raise DocumentError(
            f"{what} is {weight.shape[0]}×{weight.shape[1]}, and takes vectors of width {x.shape[1]}",
            hint="config.json and the weights contradict each other",
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise DocumentError(
            f"{what} makes {weight.shape[0]} numbers, and its bias has {bias.size}",
            hint="config.json and the weights contradict each other",
        )
    y = np.empty((len(x), len(weight)), np.result_type(x, weight))

    def columns(part: slice) -> None:
        if len(x) < FEW:
            y[:, part] = (weight[part] @ x.T).T
        else:
            np.matmul(x, weight[part].T, out=y[:, part])
        if bias is not None:
            y[:, part] += bias[part]

    threads = _threads(y.size * x.shape[1], PRODUCT)
    each(_parts(len(weight), threads), columns, threads)
    return y


def _threads(work: int, worth: int) -> int:
    """As many threads as there are cores, and as have something to do that is worth it."""
    return max(1, min(cores(), work // worth))


def _parts(count: int, parts: int) -> list[slice]:
    step = max(1, -(-count // parts))
    return [slice(start, start + step) for start in range(0, count, step)]


def by_bands(function: Callable[[Array], Array], x: Array) -> Array:
    """A function of each token's vector, or of each number, for some tokens (token, feature) at a time."""
    bands = _parts(len(x), -(-x.size // BAND))
    if len(bands) <= 1:
        return function(x)
    y = np.empty_like(x)

    def band(part: slice) -> None:
        y[part] = function(x[part])

    each(bands, band, _threads(x.size, NUMBERS))
    return y


def check_alike(x: Array, y: Array, what: str) -> None:
    """DocumentError where two arrays that are to be added or multiplied cell by cell differ in shape."""
    if x.shape != y.shape:
        raise DocumentError(
            f"{what} makes vectors of width {y.shape[-1]} where others are {x.shape[-1]} wide",
            hint="config.json and the weights contradict each other",
        )


@dataclass(frozen=True)
class Norm:
    """LayerNorm, or RMSNorm (Zhang & Sennrich 2019), over the last axis; `plus_one` for weights stored around 0."""

    kind: Literal["layer", "rms"]
    eps: float
    plus_one: bool = False

    def __call__(self, x: Array, weight: Array | None, bias: Array | None = None) -> Array:
        return by_bands(lambda band: self._normed(band, weight, bias), x)

    def _normed(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True) if self.kind == "layer" else x
        spread = np.square(centred).mean(axis=-1, keepdims=True)
        y: Array = centred / np.sqrt(spread + x.dtype.type(self.eps))
        if weight is not None:
            y = y * (weight + 1 if self.plus_one else weight)
        return y if bias is None else y + bias

    def frozen_at(self, x: Array, weight: Array | None) -> Callable[[Array], Array]:
        """The norm of a vector x (feature) as a linear map of its parts (…, feature), in float64, its bias left out.

        What it divides by is that of x itself, so that the parts of x add up to what they make together.
        """
        spread = np.square(x - x.mean() if self.kind == "layer" else x).mean(dtype=np.float64)
        factor = 1 / np.sqrt(spread + self.eps)
        scaled = factor if weight is None else factor * (weight.astype(np.float64) + self.plus_one)

        def part(parts: Array) -> Array:
            centred = parts - parts.mean(axis=-1, keepdims=True) if self.kind == "layer" else parts
            made: Array = centred * scaled
            return made

        return part


def sinusoids(positions: Array, width: int) -> Array:
    """Sines of positions, then their cosines (token, feature): the two halves of a vector, not turn by turn."""
    pairs = np.arange(width) // 2
    angles = positions[:, np.newaxis] / np.power(10000, 2 * pairs / width)
    table: Array = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1).astype(np.float32)
    return table


def erf(x: Array) -> Array:
    """The error function, within 2 units in the last place of float32: a rational approximation on [-4, 4]."""
    x = np.minimum(np.maximum(x, -4), 4)
    square = x * x
    above = _polynomial(_ERF_ABOVE, square)
    above *= x
    above /= _polynomial(_ERF_BELOW, square)
    return above


def _polynomial(coefficients: Array, x: Array) -> Array:
    """Horner's rule, in place; the highest power first."""
    y: Array = x * coefficients[0]
    for coefficient in coefficients[1:-1]:
        y += coefficient
        y *= x
    y += coefficients[-1]
    return y


# The coefficients that Eigen and XLA use for float32.
_ERF_ABOVE = np.array(
    [
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    ],
    dtype=np.float32,
)
_ERF_BELOW = np.array(
    [-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02],
    dtype=np.float32,
)


def gelu(x: Array) -> Array:
    y = erf(x * x.dtype.type(math.sqrt(0.5)))
    y += 1
    y *= 0.5
    y *= x
    return y


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
    """The activation that a config names, in bands; DocumentError for one that nobody has written."""
    if name not in ACTIVATIONS:
        raise DocumentError(f"the activation {name!r} is not known", hint=f"known are {', '.join(ACTIVATIONS)}")
    return partial(by_bands, ACTIVATIONS[name])
