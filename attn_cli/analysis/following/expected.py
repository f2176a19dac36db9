"""What the stages before it give for each stage, in float64, and how far rounding may carry a stored number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.following.rows import Rows, hidden_by_rule, matched_forms, step_known
from attn_cli.analysis.following.softmax import softmax_of
from attn_cli.analysis.following.temperatures import temperature_of
from attn_cli.trace.stages import CHAIN
from attn_cli.trace.trace import Array

STEEP = 30.0
"""Beyond e³⁰ any weight is within its rounding."""


@dataclass(frozen=True)
class Mismatch:
    """A stored number that does not follow: what the stages `source` give for it, and what is stored.

    `key` is the key's index (None for head_output), `feature` the feature's (None for scores and weights).
    """

    stage: str
    source: str
    key: int | None
    feature: int | None
    calculated: float
    stored: float


@dataclass(frozen=True, eq=False)
class Expected:
    """What the stages `source` give for some rows of a stage (query, key or feature), and how far rounding may go."""

    stage: str
    source: str
    stored: Array
    values: Array
    allowed: Array

    @property
    def wrong(self) -> Array:
        """Truth values (query, key or feature), True where the stored number is further off than rounding."""
        with np.errstate(invalid="ignore"):
            near = np.abs(self.stored - self.values) <= self.allowed
        same = (self.stored == self.values) | (np.isnan(self.stored) & np.isnan(self.values))
        return np.asarray(~(near | same))

    def worst(self) -> tuple[int, int] | None:
        """The wrong number that is furthest off (query, key or feature), None where all numbers follow."""
        wrong = self.wrong
        if not wrong.any():
            return None
        with np.errstate(invalid="ignore"):
            sizes = np.where(wrong, np.nan_to_num(np.abs(self.stored - self.values), nan=np.inf, posinf=np.inf), -1)
        row, column = np.unravel_index(int(sizes.argmax()), sizes.shape)
        return int(row), int(column)

    def mismatch(self, row: int, column: int) -> Mismatch | None:
        """The number at (row, column) if it does not follow."""
        if not self.wrong[row, column]:
            return None
        over_keys = self.stage in CHAIN
        return Mismatch(
            stage=self.stage,
            source=self.source,
            key=column if over_keys else None,
            feature=None if over_keys else column,
            calculated=float(self.values[row, column]),
            stored=float(self.stored[row, column]),
        )


@np.errstate(all="ignore")
def expected(rows: Rows) -> tuple[Expected, ...]:
    """What the stages before it give for each stage from the scores to head_output that can be calculated."""
    chain, names = rows.chain, [stage.name for stage in rows.layer.stages]
    made: list[Expected | None] = []
    if "scores" in chain and (matched := matched_forms(rows.layer)):
        made.append(_scores(rows, *matched))
    steps = [(before, stage) for before, stage in pairwise(chain) if stage in STEPS]
    made += [STEPS[stage](rows, before) for before, stage in steps if step_known(rows, before, stage)]
    if "head_output" in names and "weights" in chain and "V" in names:
        made.append(_head_output(rows))
    return tuple(step for step in made if step is not None)


def _scores(rows: Rows, q: str, k: str) -> Expected:
    left, right = rows.of(q), rows.of(k)
    sizes = np.abs(left) @ np.abs(right).T
    relative = max(rows.exact[name].relative for name in (q, k, "scores"))
    allowed = relative * sizes + rows.exact[q].absolute * np.abs(right).sum(axis=1)
    allowed = allowed + rows.exact[k].absolute * np.abs(left).sum(axis=1, keepdims=True)
    return Expected("scores", f"{q} · {k}", rows.of("scores"), left @ right.T, allowed + rows.slack("scores"))


def _step(rows: Rows, stage: str, before: str, values: Array, steepness: float | Array = 1.0) -> Expected:
    """A step on single scores that makes an error up to `steepness` times as large."""
    allowed = steepness * rows.slack(before) + rows.slack(stage)
    relative = max(rows.exact[stage].relative, rows.exact[before].relative)
    return Expected(stage, before, rows.of(stage), values, allowed + relative * np.abs(values))


def _scaled(rows: Rows, before: str) -> Expected | None:
    scale = rows.layer.settings.scale
    factor = 1.0 if scale == "none" else scale
    if isinstance(factor, str):
        return None
    factor /= temperature_of(rows.layer, "scaled")
    return _step(rows, "scaled", before, rows.of(before) * factor, abs(factor))


def _softcapped(rows: Rows, before: str) -> Expected | None:
    cap = rows.layer.settings.softcap
    if not cap:
        return None
    divisor = temperature_of(rows.layer, "softcapped")
    made = _step(rows, "softcapped", before, cap * np.tanh(rows.of(before) / cap) / divisor, 1 / divisor)
    # The quotient is rounded too, and then multiplied.
    return replace(made, allowed=made.allowed + cap * rows.exact["softcapped"].absolute)


def _masked(rows: Rows, before: str) -> Expected:
    """The scores before it, but −∞ where the mask hides; another mask may hide more."""
    scores, stored = rows.of(before), rows.of("masked")
    values = np.where(hidden_by_rule(rows.layer, rows.rows) | np.isneginf(stored), -np.inf, scores)
    return _step(rows, "masked", before, values)


def _weights(rows: Rows, before: str) -> Expected | None:
    made = softmax_of(rows)
    if made is None:
        return None
    scores = rows.of(before)
    values = made.exponentials / np.where(made.denominator == 0, 1.0, made.denominator)
    slack = np.where(np.isneginf(scores), 0.0, rows.slack(before))
    # An error of one score moves all weights of its row.
    drift = np.minimum(slack + (values * slack).sum(axis=-1, keepdims=True), STEEP)
    doubt = 0.0 if "sink_weight" not in rows.exact else rows.exact["sink_weight"].absolute
    allowed = values * np.expm1(drift) + values * (rows.exact["weights"].relative + doubt) + rows.slack("weights")
    return Expected("weights", before, rows.of("weights"), values, allowed)


def _head_output(rows: Rows) -> Expected:
    weights, v = rows.of("weights"), rows.of("V")
    relative = max(rows.exact[name].relative for name in ("weights", "V", "head_output"))
    allowed = relative * (np.abs(weights) @ np.abs(v)) + rows.exact["weights"].absolute * np.abs(v).sum(axis=0)
    allowed = allowed + rows.exact["V"].absolute * np.abs(weights).sum(axis=1, keepdims=True)
    allowed = allowed + rows.slack("head_output")
    return Expected("head_output", "weights · V", rows.of("head_output"), weights @ v, allowed)


STEPS: Mapping[str, Callable[[Rows, str], Expected | None]] = MappingProxyType(
    {"scaled": _scaled, "softcapped": _softcapped, "masked": _masked, "weights": _weights}
)
"""What gives each stage from the one before it; a bias is whatever was added, and so always follows."""
