"""The arithmetic around attention: linear maps, norms and activations, as PyTorch defines them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.trace.trace import Array


def linear(x: Array, weight: Array, bias: Array | None = None, what: str = "a matrix") -> Array:
    """x (token, in) · weightᵀ (out, in) + bias; the product is taken the way round that is fast for few tokens."""
    if weight.shape[1] != x.shape[1]:
        raise DocumentError(
            f"{what} is {weight.shape[0]}×{weight.shape[1]}, and takes vectors of width {x.shape[1]}",
            hint="config.json and the weights contradict each other",
        )
    y: Array = (weight @ x.T).T if len(x) < 64 else x @ weight.T
    if bias is not None:
        y = y + bias
    return y


@dataclass(frozen=True)
class Norm:
    """LayerNorm, or RMSNorm (Zhang & Sennrich 2019), over the last axis; `plus_one` for weights stored around 0."""

    kind: Literal["layer", "rms"]
    eps: float
    plus_one: bool = False

    def __call__(self, x: Array, weight: Array | None, bias: Array | None = None) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True) if self.kind == "layer" else x
        spread = np.square(centred).mean(axis=-1, keepdims=True)
        y: Array = centred / np.sqrt(spread + x.dtype.type(self.eps))
        if weight is not None:
            y = y * (weight + 1 if self.plus_one else weight)
        return y if bias is None else y + bias


def sinusoids(positions: Array, width: int) -> Array:
    """Sines of positions, then their cosines (token, feature): the two halves of a vector, not turn by turn."""
    pairs = np.arange(width) // 2
    angles = positions[:, np.newaxis] / np.power(10000, 2 * pairs / width)
    table: Array = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1).astype(np.float32)
    return table


def erf(x: Array) -> Array:
    """The error function, within 2 units in the last place of float32: a rational approximation on [-4, 4]."""
    x = np.clip(x, -4, 4)
    square = x * x
    above = np.polyval(_ERF_ABOVE, square) * x
    ratio: Array = above / np.polyval(_ERF_BELOW, square)
    return ratio


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
    return x * (0.5 * (1 + erf(x * x.dtype.type(math.sqrt(0.5)))))


def gelu_tanh(x: Array) -> Array:
    inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
    y: Array = x * (0.5 * (1 + np.tanh(inner)))
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
