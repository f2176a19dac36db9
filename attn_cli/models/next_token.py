"""The distribution of the next token, and the distance between two of them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from attn_cli.trace.trace import Array


class Expected(NamedTuple):
    """The log-probabilities (token id) of the next token, in nats, and the names of the ids."""

    logs: Array
    name: Callable[[int], str]

    def share(self, number: int) -> float:
        """A token's probability."""
        return float(np.exp(self.logs[number]))

    def likeliest(self, count: int) -> list[int]:
        """The ids of the likeliest tokens, the likeliest first."""
        return [int(number) for number in np.argsort(-self.logs, kind="stable")[:count]]


class NextToken(NamedTuple):
    """One token's probability before and after a change."""

    id: int
    token: str
    before: float
    after: float


class Shift(NamedTuple):
    """The change of a prediction: `kl` is the divergence between before and after, in nats.

    KL(before ‖ after) = Σ p ln(p / q), as Conmy et al. 2023 (arXiv 2304.14997) use it for ablations. `top` is the
    token that was likeliest before, `log_change` the change of its log-probability, in nats.
    """

    kl: float
    top: int
    log_change: float


def log_shares(logits: Array) -> Array:
    """Log-probabilities (…, token id) in nats, in float64."""
    shifted = logits.astype(np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    shares: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shares


def shift(before: Array, after: Array) -> Shift:
    """The change between two distributions, given as log-probabilities (token id)."""
    shares = np.exp(before)
    with np.errstate(invalid="ignore"):
        terms = np.where(shares > 0, shares * (before - after), 0.0)
    top = int(before.argmax())
    return Shift(max(0.0, float(terms.sum())), top, float(after[top] - before[top]))


def side_by_side(before: Expected, after: Expected, count: int) -> tuple[NextToken, ...]:
    """The likeliest tokens before, then those that are among the likeliest only after, with both probabilities."""
    ids = list(dict.fromkeys([*before.likeliest(count), *after.likeliest(count)]))
    return tuple(
        NextToken(number, before.name(number), *(float(np.exp(side.logs[number])) for side in (before, after)))
        for number in ids
    )
