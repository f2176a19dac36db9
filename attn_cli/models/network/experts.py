"""Mixtures of experts: a router sends each token to a few experts (Shazeer et al. 2017, arXiv 1701.06538)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.network.arithmetic import sigmoid
from attn_cli.models.network.plan import Mlp
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


class Route(Protocol):
    """From the router's logits (token, expert) to shares (token, expert), 0 for experts that a token does not use."""

    def __call__(self, logits: Array, weights: Weights) -> Array: ...


@dataclass(frozen=True)
class Best:
    """The `chosen` experts with the highest logits, from the `kept` best of `groups` groups of experts.

    A group ranks by its best expert. Shares are the softmax over all experts, or with `among` over the chosen ones,
    times `factor`.
    """

    chosen: int
    among: bool = False
    groups: int = 1
    kept: int = 1
    factor: float = 1.0

    def __call__(self, logits: Array, weights: Weights) -> Array:
        best = highest(of_groups(logits, self.groups, self.kept, best=1), self.chosen)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        of_chosen = np.where(best, raised, 0)
        shares: Array = of_chosen / (of_chosen if self.among else raised).sum(axis=1, keepdims=True)
        return shares if self.factor == 1 else shares * np.float32(self.factor)


@dataclass(frozen=True)
class Sigmoids:
    """The `chosen` experts with the highest sigmoid plus correction, from the `kept` best of `groups` groups.

    A group ranks by the sum of its best two. Shares are the sigmoids, with `among` divided by their sum, times
    `factor` (DeepSeek-V3, arXiv 2412.19437).
    """

    chosen: int
    groups: int = 1
    kept: int = 1
    among: bool = True
    factor: float = 1.0

    def __call__(self, logits: Array, weights: Weights) -> Array:
        shares = sigmoid(logits)
        correction = weights.find("correction")
        ranked = shares if correction is None else shares + correction
        ranked = of_groups(ranked, self.groups, self.kept, best=2)
        shares = np.where(highest(ranked, self.chosen), shares, 0)
        if self.among:
            shares = shares / (shares.sum(axis=1, keepdims=True) + np.float32(1e-20))
        scaled: Array = shares * np.float32(self.factor)
        return scaled


def of_groups(ranked: Array, groups: int, kept: int, *, best: int) -> Array:
    """Ranks (token, expert), −∞ outside the `kept` best of `groups`; a group ranks by the sum of its `best` experts."""
    if groups == 1:
        return ranked
    if ranked.shape[1] % groups:
        raise DocumentError(
            f"{ranked.shape[1]} experts cannot be in {groups} groups of as many each",
            hint="config.json and the weights contradict each other",
        )
    grouped = ranked.reshape(len(ranked), groups, -1)
    best_groups = highest(np.sort(grouped, axis=2)[..., -best:].sum(axis=2), kept)
    return np.where(best_groups[..., np.newaxis], grouped, -np.inf).reshape(ranked.shape)


def highest(values: Array, count: int) -> Array:
    """True (row, column) for the `count` highest values of each row; of equal values the earlier ones."""
    columns = np.argsort(-values, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(values.shape, bool)
    np.put_along_axis(chosen, columns, True, axis=1)
    return chosen


@dataclass(frozen=True)
class Experts:
    """The outputs of a token's experts, summed by their shares, plus the output of the `shared` expert.

    If there are weights `shared_switch`, their sigmoid scales the shared expert's output. With `before`, shares
    multiply an expert's input instead of its output.
    """

    route: Route
    expert: Mlp
    shared: Mlp | None = None
    before: bool = False

    def __call__(self, x: Array, weights: Weights) -> Array:
        shares = self.route(weights.apply("router", x), weights).astype(x.dtype, copy=False)
        y = np.zeros_like(x)
        for number in np.flatnonzero(shares.any(axis=0)):
            rows = np.flatnonzero(shares[:, number])
            vectors, share = np.ascontiguousarray(x[rows]), shares[rows, number, np.newaxis]
            of_expert = weights.expert(int(number))
            y[rows] += (
                self.expert(vectors * share, of_expert) if self.before else self.expert(vectors, of_expert) * share
            )
        if self.shared is None:
            return y
        of_shared = self.shared(x, weights)
        if weights.find("shared_switch") is not None:
            of_shared = of_shared * sigmoid(weights.apply("shared_switch", x))
        return y + of_shared
