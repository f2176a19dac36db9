"""Measured: numbers in float64 with the variance that rounding gives them; the few operations of attention on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from attn_cli.analysis.check.computing.rounding import SIGMAS, Rounding
from attn_cli.trace.trace import Array


class NotThereError(LookupError):
    """A recipe needs numbers that the file does not hold, or that do not fit together."""


STEEP = 30.0
"""Beyond e³⁰ any weight lies within its rounding."""


@dataclass(frozen=True, eq=False)
class Measured:
    """An array and, of the same shape, the variance of each of its numbers.

    `squares` are those of a matrix without any error, made once.
    """

    value: Array
    variance: Array
    squares: Array | None = None

    def __getitem__(self, index: Any) -> "Measured":
        return Measured(self.value[index], self.variance[index])

    def mapped(self, rearrange: Any) -> "Measured":
        """The same numbers in another order or shape."""
        return Measured(rearrange(self.value), rearrange(self.variance))

    def times(self, factor: Any) -> "Measured":
        """Every number multiplied by an exact factor."""
        return Measured(self.value * factor, self.variance * np.square(factor))

    def tolerance(self) -> Array:
        """How far a stored number may lie from the value."""
        return np.asarray(SIGMAS * np.sqrt(self.variance))


def stored(array: Array, rounding: Rounding) -> Measured:
    """Numbers as they are stored: rounded once, and perhaps to a few decimals."""
    value = array.astype(np.float64)
    return Measured(value, np.square(rounding.relative * finite(value)) + np.square(rounding.absolute / 2))


def exact(array: Array) -> Measured:
    """Numbers without any error."""
    value = array.astype(np.float64)
    return Measured(value, np.zeros_like(value))


def matrix(array: Array) -> Measured:
    """A matrix without any error, to multiply with many times."""
    value = array.astype(np.float64)
    return Measured(value, np.zeros_like(value), np.square(value))


def finite(array: Array) -> Array:
    """The same with 0 for NaN and infinities."""
    return np.where(np.isfinite(array), array, 0.0)


def product(a: Measured, b: Measured, rounding: Rounding) -> Measured:
    """a · b, each term and the result rounded; NotThereError where they do not fit."""
    if a.value.shape[-1] != b.value.shape[-2] or (
        a.value.ndim == 3 and b.value.ndim == 3 and len(a.value) != len(b.value)
    ):
        raise NotThereError(f"{a.value.shape} · {b.value.shape}")
    value = a.value @ b.value
    a2 = np.square(a.value)
    b2 = np.square(b.value) if b.squares is None else b.squares
    # Of each term, TF32 rounds both factors, and the sum runs up as many roundings as it has terms.
    terms = 0.25 * rounding.relative**2 + (2 * rounding.product**2 if rounding.product > rounding.relative else 0.0)
    variance = (a.variance + terms * a2) @ b2
    if b.squares is None:
        variance += (a2 + a.variance) @ b.variance
    return Measured(value, variance + np.square(rounding.relative * value))


def plus(a: Measured, b: Measured, rounding: Rounding) -> Measured:
    """a + b, rounded."""
    value = a.value + b.value
    return Measured(value, a.variance + b.variance + np.square(rounding.relative * finite(value)))


def changed(before: Measured, value: Array, rounding: Rounding, slope: Any = 1.0) -> Measured:
    """A step on each number, of a slope of at most 1 unless given, rounded; what it hides has no error."""
    variance = before.variance * np.square(slope) + np.square(rounding.relative * finite(value))
    return Measured(value, np.where(np.isneginf(value), 0.0, variance))


def softened(scores: Measured, axis: int, sinks: Array | None, rounding: Rounding) -> Measured:
    """Softmax along an axis; a slice with nothing visible is all 0. `sinks` (…, 1) join the sum along the last axis."""
    peak = scores.value.max(axis=axis, keepdims=True)
    peak = peak if sinks is None else np.maximum(peak, sinks)
    peak = np.where(np.isneginf(peak), 0.0, peak)
    exponentials = np.exp(scores.value - peak)
    total = exponentials.sum(axis=axis, keepdims=True) + (0.0 if sinks is None else np.exp(sinks - peak))
    weights = exponentials / np.where(total == 0, 1.0, total)
    # A score's error moves its own weight, and by its share all others of the row.
    drift = scores.variance + (np.square(weights) * scores.variance).sum(axis=axis, keepdims=True)
    steps = np.minimum(SIGMAS * np.sqrt(drift), STEEP)
    error = weights * (np.expm1(steps) / SIGMAS)
    return Measured(weights, np.square(error) + 2 * np.square(rounding.relative * weights))
