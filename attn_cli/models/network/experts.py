"""Mixtures of experts: each token goes through the few that a router prefers (Shazeer et al., arXiv 1701.06538)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.network.arithmetic import sigmoid
from attn_cli.models.network.plan import Mlp
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


class Route(Protocol):
    """From the router's logits (token, expert) to shares (token, expert), 0 for experts that a token does not see."""

    def __call__(self, logits: Array, weights: Weights) -> Array: ...


@dataclass(frozen=True)
class Best:
    """The `chosen` experts of the highest logits, out of the `kept` best of `groups` of them.

    A group is as good as its best. Shares are those of the softmax over all, or over those `among`, times `factor`.
    """

    chosen: int
    among: bool = False
    groups: int = 1
    kept: int = 1
    factor: float = 1.0

    def __call__(self, logits: Array, weights: Weights) -> Array:
        best = highest(of_groups(logits, self.groups, self.kept, best=1), self.chosen)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        kept = np.where(best, raised, 0)
        shares: Array = kept / (kept if self.among else raised).sum(axis=1, keepdims=True)
        return shares if self.factor == 1 else shares * np.float32(self.factor)


@dataclass(frozen=True)
class Sigmoids:
    """The `chosen` experts of the highest sigmoids plus correction, out of the `kept` best of `groups` of experts.

    A group is as good as its best two. Shares are the sigmoids, over their sum where `among`, times `factor`
    (DeepSeek-V3, arXiv 2412.19437).
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
    """Ranks (token, expert), −∞ outside of the `kept` best of `groups`, each as good as its `best` ones together."""
    if groups == 1:
        return ranked
    if ranked.shape[1] % groups:
        raise DocumentError(
            f"{ranked.shape[1]} experts cannot be in {groups} groups of as many each",
            hint="config.json and the weights contradict each other",
        )
    grouped = ranked.reshape(len(ranked), groups, -1)
    good = highest(np.sort(grouped, axis=2)[..., -best:].sum(axis=2), kept)
    return np.where(good[..., np.newaxis], grouped, -np.inf).reshape(ranked.shape)


def highest(values: Array, count: int) -> Array:
    """True for the `count` highest of each row, earlier ones first where they are equal."""
    places = np.argsort(-values, axis=1, kind="stable")[:, :count]
    found = np.zeros(values.shape, bool)
    np.put_along_axis(found, places, True, axis=1)
    return found


@dataclass(frozen=True)
class Experts:
    """The sum of what a token's experts make of it, by their shares, and of what one makes that all tokens `share`.

    The shared one counts by the sigmoid of `shared_switch` where there are such weights. With `before`, shares
    multiply what goes into an expert, and not what comes out.
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
            taken, share = np.ascontiguousarray(x[rows]), shares[rows, number, np.newaxis]
            own = weights.expert(int(number))
            y[rows] += self.expert(taken * share, own) if self.before else self.expert(taken, own) * share
        if self.shared is None:
            return y
        always = self.shared(x, weights)
        if weights.find("shared_switch") is not None:
            always = always * sigmoid(weights.apply("shared_switch", x))
        return y + always
