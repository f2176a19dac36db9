"""What a head is called: kinds of heads, the evidence for each, and the threshold that it must pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.analysis.heads.observed import Observed
from attn_cli.analysis.heads.patterns import cells
from attn_cli.errors import UsageError
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far each head goes (head,) from an even spread, 0, to a perfect head of the kind, 1; over so many queries.

    It is not `clear` where every key of the kind is of a simpler kind too, so that it cannot tell the two apart.
    """

    share: Array
    queries: int
    clear: bool = True


@dataclass(frozen=True)
class HeadKind:
    """A kind of head: its name in words, the evidence, the least that it takes, and what speaks for it.

    Of the kinds that a head passes, those of the first `rank` are asked first; among them the strongest is taken.
    """

    words: str
    evidence: Callable[[Observed], Evidence | None]
    least: float
    what: str
    rank: int = 1


def _patterned(seen: Observed, pattern: str, simpler: tuple[str, ...]) -> Evidence | None:
    """The attention to a pattern's cells, over the queries that have none of them in a simpler pattern.

    So the token before that is also the first one speaks for neither; only where there is no other query do all count.
    """
    found = cells(pattern, seen)
    if found is None:
        return None
    having = np.asarray((found & seen.visible).any(axis=(0, 2)))
    clear = having.copy()
    for name in simpler:
        if (other := cells(name, seen)) is not None:
            clear &= ~(found & other).any(axis=1)
    rows = clear if clear.any() else having
    mean, even = (one.over(found & rows[:, np.newaxis]) / rows.sum() for one in (seen, seen.even))
    return Evidence(_beyond(mean, even), int(rows.sum()), bool(clear.any()))


def _beyond(mean: Array, even: Array) -> Array:
    """How far of the way from an even spread to all; where an even spread has all, every head has."""
    room = 1 - even
    return np.where(room > 1e-9, (mean - even) / np.maximum(room, 1e-9), 0.0)


def _sink(seen: Observed) -> Evidence:
    measure = METRICS["sink"].measure
    mean, even = measure(seen), measure(seen.even)
    assert mean is not None
    assert even is not None
    return Evidence(_beyond(mean, even), len(seen.queries))


def _even(seen: Observed) -> Evidence | None:
    share = METRICS["normalised_entropy"].measure(seen)
    return None if share is None else Evidence(share, len(seen.queries))


_SIMPLE = ("current_token", "previous_token", "first_token")

KINDS: Mapping[str, HeadKind] = MappingProxyType(
    {
        "induction": HeadKind(
            "induction",
            partial(_patterned, pattern="induction", simpler=_SIMPLE),
            0.4,
            "attention to what followed earlier occurrences of the same token",
            rank=0,
        ),
        "duplicate_token": HeadKind(
            "duplicate token",
            partial(_patterned, pattern="duplicate_token", simpler=_SIMPLE),
            0.3,  # half goes to the token itself where a head looks for the same token, and that one is there too
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
        "sink": HeadKind("sink on {}", _sink, 0.3, "α of the key that takes most (Gu et al. 2024, ε = 0.3)"),
        "even": HeadKind("even", _even, 0.95, "normalised entropy", rank=2),
    }
)
"""Every kind that a head may be named after; a head that passes none of them is `mixed`."""

UNCLEAR = 0.05  # so much stronger must evidence be that may as well speak for a simpler kind


def thresholds(spelled: list[str]) -> dict[str, float]:
    """The least evidence for each kind, some of them spelled KIND=NUMBER; UsageError for what is neither."""
    least = {name: kind.least for name, kind in KINDS.items()}
    for text in spelled:
        name, sign, number = text.partition("=")
        if not sign or name not in KINDS:
            raise UsageError(
                f"--threshold: {text!r} names no kind", hint=f"KIND=NUMBER, KIND one of {', '.join(KINDS)}"
            )
        try:
            value = float(number)
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1:
            raise UsageError(f"--threshold: {number!r} is no number from 0 to 1", hint=f"{name}={KINDS[name].least}")
        least[name] = value
    return least


def evidence(seen: Observed) -> dict[str, Evidence]:
    """The evidence for each kind that these tokens can show at all."""
    found = {name: kind.evidence(seen) for name, kind in KINDS.items()}
    return {name: one for name, one in found.items() if one is not None}


def kind_of(shares: Mapping[str, tuple[float, bool]], least: Mapping[str, float]) -> str | None:
    """The kind of one head from its evidence, each with whether it is clear; None where no kind passes."""
    passed = [
        (KINDS[name].rank, -share, name) if clear else (max(1, KINDS[name].rank), UNCLEAR - share, name)
        for name, (share, clear) in shares.items()
        if share >= least[name]
    ]
    return min(passed)[2] if passed else None
