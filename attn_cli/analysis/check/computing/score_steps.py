"""The steps on scores, softmax, and the joining of heads, right or by a mistaken rule."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.check.computing.measured import Measured, changed, exact, plus, softened
from attn_cli.analysis.check.computing.recipe import Cap, Recipe, Slopes
from attn_cli.analysis.check.computing.rounding import Rounding
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.ops import join_heads
from attn_cli.trace.trace import Array

Heads = tuple[int, ...]
Rows = tuple[int, ...] | None


def scale(scores: Measured, recipe: Recipe, rounding: Rounding) -> Measured:
    """Scores multiplied by the recipe's factor."""
    factor = 1.0 if recipe.factor is None else recipe.factor
    return scores if factor == 1.0 else changed(scores.times(factor), scores.value * factor, rounding)


def softcap(scores: Measured, cap: Cap | None, rounding: Rounding) -> Measured:
    """Scores squeezed into ± cap, by the right formula or a wrong one."""
    if cap is None:
        return scores
    x, c = scores.value, cap.cap
    tanh = np.tanh(x / c)
    if cap.form == "times":
        return changed(scores, np.where(np.isneginf(x), x, x * tanh), rounding, 1.0 + abs(x / c))
    if cap.form == "unscaled":
        return changed(scores, tanh, rounding, 1 / c)
    if cap.form == "undivided":
        return changed(scores, c * np.tanh(x), rounding, c * (1 - np.tanh(x) ** 2))
    return changed(scores, c * tanh, rounding, 1 - tanh**2)


_BIASES: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "given": lambda x: x,
        "transposed": lambda x: x.swapaxes(1, 2),
        "first": lambda x: x[:1],
        "reversed": lambda x: x[::-1],
    }
)
"""A bias (head or 1, query, key) as it is added, right or wrong."""


def bias(dump: Dump, scores: Measured, recipe: Recipe, heads: Heads, rows: Rows, rounding: Rounding) -> Measured:
    """Scores with ALiBi and the bias added."""
    if recipe.slopes is not None:
        scores = plus(scores, exact(_alibi(dump, recipe.slopes, heads, rows)), rounding)
    if dump.bias is not None and recipe.bias:
        whole = _BIASES[recipe.bias_form](dump.bias)
        added = whole if len(whole) == 1 else whole[list(heads)]
        added = added if rows is None else added[:, list(rows)]
        scores = plus(scores, exact(np.broadcast_to(added * recipe.bias, scores.value.shape)), rounding)
    return scores


def _alibi(dump: Dump, slopes: Slopes, heads: Heads, rows: Rows) -> Array:
    own = np.array(slopes.slopes)[list(heads), np.newaxis, np.newaxis]
    queries, keys = (places.astype(np.float64) for places in dump.positions)
    queries = queries if rows is None else queries[list(rows)]
    ahead = keys - queries[:, np.newaxis]
    distance = {"away": -abs(ahead), "ahead": ahead, "key": np.broadcast_to(keys, ahead.shape)}[slopes.distance]
    return np.asarray(own * distance)


def mask(scores: Measured, recipe: Recipe, where: Array, rounding: Rounding) -> Measured:
    """Scores with what is hidden (head or 1, query, key) at −∞, or at what a mistake makes of it."""
    fill = recipe.fill
    if fill.kind.startswith("late"):
        return scores
    blind = where.all(axis=2, keepdims=True)
    if recipe.blind != "nothing" and blind.any():
        where = where & ~blind
        if recipe.blind == "uniform":
            scores = Measured(np.where(blind, 0.0, scores.value), np.where(blind, 0.0, scores.variance))
    if fill.kind == "add":
        return changed(scores, np.where(where, scores.value + fill.value, scores.value), rounding)
    put = -np.inf if fill.kind == "hide" else fill.value
    return Measured(np.where(where, put, scores.value), np.where(where, 0.0, scores.variance))


Over = Callable[[Measured, Array | None, Rounding], Measured]


def _over_all(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    shape = scores.value.shape
    flat = scores.mapped(lambda x: x.reshape(len(x), -1))
    return softened(flat, -1, None, rounding).mapped(lambda x: x.reshape(shape))


def _sigmoid(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    value = 0.5 * (1 + np.tanh(scores.value / 2))
    return changed(scores, value, rounding, value * (1 - value))


def _scores(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    return scores.mapped(np.copy)


def _scores_or_0(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    hidden = np.isneginf(scores.value)
    return Measured(np.where(hidden, 0.0, scores.value), scores.variance)


def _exponentials(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    value = np.exp(scores.value)
    return changed(scores, value, rounding, value)


def _exponentials_less_peak(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    peak = scores.value.max(axis=-1, keepdims=True)
    value = np.exp(scores.value - np.where(np.isneginf(peak), 0.0, peak))
    return changed(scores, value, rounding, 2 * value)


def _logs(scores: Measured, sinks: Array | None, rounding: Rounding) -> Measured:
    weights = softened(scores, -1, sinks, rounding)
    with np.errstate(divide="ignore"):
        value = np.log(weights.value)
    return changed(scores, value, rounding, 2.0)


OVER: Mapping[str, Over] = MappingProxyType(
    {
        "keys": lambda scores, sinks, rounding: softened(scores, -1, sinks, rounding),
        "queries": lambda scores, sinks, rounding: softened(scores, -2, None, rounding),
        "heads": lambda scores, sinks, rounding: softened(scores, 0, None, rounding),
        "all": _over_all,
        "sigmoid": _sigmoid,
        "nothing": _scores,
        "nothing, hidden 0": _scores_or_0,
        "no sum": _exponentials,
        "no sum, less peak": _exponentials_less_peak,
        "logs": _logs,
    }
)
"""What makes weights of scores, by what softmax runs over."""

JOINED: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {
        "side by side": join_heads,
        "reshaped": lambda x: x.reshape(x.shape[1], -1),
        "by feature": lambda x: np.moveaxis(x, 0, 2).reshape(x.shape[1], -1),
        "added": lambda x: x.sum(axis=0),
        "averaged": lambda x: x.mean(axis=0),
    }
)
"""Heads (head, token, feature) as one vector for each token, by how they are joined."""
