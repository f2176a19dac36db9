"""Names of heads: the kinds of heads, the evidence for each kind, and the threshold that a head must pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.analysis.heads.observed import Observed
from attn_cli.analysis.heads.patterns import cells
from attn_cli.errors import UsageError
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for one kind: `share` (head,) runs from 0, an even spread, to 1, a perfect head of the kind.

    `queries` is how many queries count. `clear` is False if every key of the kind fits a simpler kind too, so that the
    evidence cannot tell the two kinds apart.
    """

    share: Array
    queries: int
    clear: bool = True


class HeadKind(NamedTuple):
    """A kind of head: its name in words, its evidence, the threshold `least`, and the evidence in words (`what`).

    Of the kinds that a head passes, those of the lowest `rank` win; among them the one with the strongest evidence.
    """

    words: str
    evidence: Callable[[Observed], Evidence | None]
    least: float
    what: str
    rank: int = 1


def _patterned(seen: Observed, pattern: str, simpler: tuple[str, ...]) -> Evidence | None:
    """The attention to a pattern's cells, over the queries whose cells are in no simpler pattern.

    A previous token that is also the first token is evidence for neither. If no other query is left, all queries count.
    """
    pattern_cells = cells(pattern, seen)
    if pattern_cells is None:
        return None
    having = np.asarray((pattern_cells & seen.visible).any(axis=(0, 2)))
    clear = having.copy()
    for name in simpler:
        if (simpler_cells := cells(name, seen)) is not None:
            clear &= ~(pattern_cells & simpler_cells).any(axis=1)
    rows = clear if clear.any() else having
    mean, even = (weights.over(pattern_cells & rows[:, np.newaxis]) / rows.sum() for weights in (seen, seen.even))
    return Evidence(_beyond(mean, even), int(rows.sum()), bool(clear.any()))


def _beyond(mean: Array, even: Array) -> Array:
    """(mean − even) / (1 − even); 0 where an even spread already gives everything."""
    room = 1 - even
    return np.where(room > 1e-9, (mean - even) / np.maximum(room, 1e-9), 0.0)


def _sink(seen: Observed) -> Evidence:
    measure = METRICS["sink"].measure
    mean, even = measure(seen), measure(seen.even)
    assert mean is not None
    assert even is not None
    return Evidence(_beyond(mean, even), len(seen.queries))


def _even(seen: Observed) -> Evidence | None:
    share = METRICS["normalized_entropy"].measure(seen)
    return None if share is None else Evidence(share, len(seen.queries))


_SIMPLE = ("current_token", "previous_token", "first_token")

KINDS: Mapping[str, HeadKind] = MappingProxyType(
    {
        "induction": HeadKind(
            "induction",
            partial(_patterned, pattern="induction", simpler=_SIMPLE),
            0.4,
            "attention to the tokens that followed earlier occurrences of the same token",
            rank=0,
        ),
        "duplicate_token": HeadKind(
            "duplicate token",
            partial(_patterned, pattern="duplicate_token", simpler=_SIMPLE),
            0.3,  # a head that looks for the same token may give half of its attention to the token itself
            "attention to earlier occurrences of the same token",
            rank=0,
        ),
        "previous_token": HeadKind(
            "previous token",
            partial(_patterned, pattern="previous_token", simpler=("first_token",)),
            0.4,
            "attention to the token before",
        ),
        "next_token": HeadKind(
            "next token",
            partial(_patterned, pattern="next_token", simpler=()),
            0.4,
            "attention to the token after",
        ),
        "current_token": HeadKind(
            "current token",
            partial(_patterned, pattern="current_token", simpler=("first_token",)),
            0.4,
            "attention to the token itself",
        ),
        "sink": HeadKind(
            "sink on {}", _sink, 0.3, "α of the key that gets the most attention (Gu et al. 2024, ε = 0.3)"
        ),
        "even": HeadKind("even", _even, 0.95, "normalized entropy", rank=2),
    }
)
"""Every kind of head that has a name; a head that passes no threshold is `mixed`."""

UNCLEAR = 0.05  # evidence that fits a simpler kind too must be stronger by this margin


def thresholds(spelled: list[str]) -> dict[str, float]:
    """The threshold of each kind, changed by spellings KIND=NUMBER; UsageError for any other spelling."""
    least = {name: kind.least for name, kind in KINDS.items()}
    for text in spelled:
        name, sign, number = text.partition("=")
        if not sign or name not in KINDS:
            raise UsageError(
                f"--threshold: {text!r} does not name a kind", hint=f"KIND=NUMBER, KIND one of {', '.join(KINDS)}"
            )
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1:
            raise UsageError(f"--threshold: {number!r} is not a number from 0 to 1", hint=f"{name}={KINDS[name].least}")
        least[name] = value
    return least


def evidence(seen: Observed) -> dict[str, Evidence]:
    """The evidence for each kind that these tokens and this mask can show."""
    by_kind = {name: kind.evidence(seen) for name, kind in KINDS.items()}
    return {name: shown for name, shown in by_kind.items() if shown is not None}


def kind_of(shares: Mapping[str, tuple[float, bool]], least: Mapping[str, float]) -> str | None:
    """The kind of one head from its evidence (share, clear) for each kind; None if it passes no threshold."""
    passed = [
        (KINDS[name].rank, -share, name) if clear else (max(1, KINDS[name].rank), UNCLEAR - share, name)
        for name, (share, clear) in shares.items()
        if share >= least[name]
    ]
    return min(passed)[2] if passed else None
