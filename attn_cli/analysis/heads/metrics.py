"""Head metrics: what is measured of one head's weights, each with its definition and its source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.heads.observed import Observed
from attn_cli.analysis.heads.patterns import PATTERNS, cells
from attn_cli.trace.trace import Array

LOCAL = 2
"""How far away `local_share` still counts as near, in tokens."""

Measure = Callable[[Observed], Array | None]


@dataclass(frozen=True)
class Metric:
    """A figure for each head (head,), `measure` giving None where it is undefined, for the reason in `missing`."""

    definition: str
    source: str
    measure: Measure
    unit: str = ""
    missing: str = ""
    remedy: str = "choose another metric"


def _entropy(seen: Observed) -> Array:
    return np.asarray(seen.entropies.mean(axis=1))


def _normalised_entropy(seen: Observed) -> Array | None:
    counts = seen.visible.sum(axis=2)  # (head or 1, query)
    several = counts >= 2
    if not several.any():
        return None
    shares = np.where(several, seen.entropies / np.log(np.maximum(counts, 2)), 0)
    return np.asarray(shares.sum(axis=1) / several.sum(axis=1))


def _effective_tokens(seen: Observed) -> Array:
    return np.asarray(np.exp(seen.entropies).mean(axis=1))


def _distance(seen: Observed) -> Array | None:
    if seen.places is None:
        return None
    query, key = seen.places
    return seen.over(np.abs(query - key)) / seen.total


def _confidence(seen: Observed) -> Array | None:
    if seen.ends.all():
        return None
    weights = seen.weights[:, :, ~seen.ends] if seen.ends.any() else seen.weights
    return np.asarray(weights.max(axis=2).mean(axis=1))


def _first_token_share(seen: Observed) -> Array:
    return np.asarray(seen.weights[:, :, 0].mean(axis=1))


def _self_share(seen: Observed) -> Array | None:
    return _near(seen, 0)


def _near(seen: Observed, most: int) -> Array | None:
    """The attention to keys up to so many places away, the mean over queries."""
    if seen.places is None:
        return None
    query, key = seen.places
    return seen.over(np.abs(query - key) <= most) / len(seen.queries)


def _sink(seen: Observed) -> Array:
    """α of the key that takes most: the mean over the queries that may look at it."""
    looking = seen.visible.sum(axis=1)  # (head or 1, key)
    means = seen.weights.sum(axis=1) / np.maximum(looking, 1)
    heads = np.arange(len(seen.sink)) if len(means) > 1 else 0
    return np.asarray(means[heads, seen.sink])


def _special_share(seen: Observed) -> Array | None:
    if not seen.special.any():
        return None
    return np.asarray(seen.weights[:, :, seen.special].sum(axis=2).mean(axis=1))


def _mul(seen: Observed, pattern: str) -> Array | None:
    found = cells(pattern, seen)
    return None if found is None else seen.over(found) / seen.total


def _abs(seen: Observed, pattern: str) -> Array | None:
    found = cells(pattern, seen)
    if found is None:
        return None
    # |w − 1| − |w| on the pattern's cells, added to all |w|: the sum of |weights − pattern| without a second array.
    on = seen.weights[:, found]
    differences = seen.absolute + (np.abs(on - 1) - np.abs(on)).sum(axis=1)
    return np.asarray(1 - np.round(differences / len(seen.queries), 3))


def _diag(seen: Observed, pattern: str) -> Array | None:
    found = cells(pattern, seen)
    if found is None:
        return None
    having = (found & seen.visible).any(axis=2)  # (head or 1, query)
    # What no query may look at weighs 0, so all of the pattern's cells can be added up.
    return np.asarray(seen.over(found) / np.maximum(having.sum(axis=1), 1))


def _repeated(seen: Observed, back: int) -> Array | None:
    """The mean of the diagonal that lies `period` − `back` places below the main one."""
    if seen.period is None:
        return None
    return np.asarray(np.diagonal(seen.weights, back - seen.period, 1, 2).mean(axis=1))


_TL = "TransformerLens 4, head_detector"
_ARENA = "Nanda's and ARENA's detectors on repeated random tokens; Olsson et al. 2022 (arXiv 2209.11895)"
CROSS = "queries and keys are two texts, whose places have nothing to do with each other"
_ALONE = "no query may look at two keys"
_TWICE = "it is measured on random tokens said twice: --repeat N"


def _patterned(name: str) -> Mapping[str, Metric]:
    """The three measures of one pattern."""
    what, missing = PATTERNS[name].what, PATTERNS[name].missing
    own = name in ("previous_token", "duplicate_token", "induction")
    source = f'{_TL} ("{name}_head")' if own else f"by the scheme of {_TL}"
    return {
        f"{name}.mul": Metric(
            f"Σ w∘d / Σ w, where d is 1 at {what} and else 0. A perfect head need not reach 1.",
            f'{source}, error_measure "mul"',
            partial(_mul, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
        f"{name}.abs": Metric(
            f"1 − Σ |w − d| / queries, the quotient rounded to three digits, where d is 1 at {what} and else 0; "
            "−1 to 1.",
            f'{source}, error_measure "abs"',
            partial(_abs, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
        f"{name}.diag": Metric(
            f"The attention to {what}, the mean over the queries that may look at such a key.",
            "Olsson et al. 2022 (arXiv 2209.11895), prefix matching" if name == "induction" else "attn's own",
            partial(_diag, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
    }


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "entropy": Metric(
            "−Σ w ln w of a row; the mean over all rows, the first row of a causal head, which is always 0, included.",
            "Clark et al. 2019 (arXiv 1906.04341); Vig & Belinkov 2019 (arXiv 1906.04284)",
            _entropy,
            "nats",
        ),
        "normalised_entropy": Metric(
            "A row's entropy over ln k, the most that its k permitted keys allow: 0 to 1; "
            "the mean over rows with k ≥ 2.",
            "after Oh & Schuler 2022 (arXiv 2212.11185)",
            _normalised_entropy,
            missing=_ALONE,
        ),
        "effective_tokens": Metric(
            "exp(entropy) of a row: as many tokens as an even spread of that entropy has; the mean over all rows.",
            "perplexity of the row; entropy as above",
            _effective_tokens,
            "tokens",
        ),
        "distance": Metric(
            "Σ w·|i − j| / Σ w, over all queries i and keys j.",
            "Vig & Belinkov 2019 (arXiv 1906.04284)",
            _distance,
            "tokens",
            CROSS,
        ),
        "confidence": Metric(
            "The largest weight of a row, keys that end the text (</s>, [SEP], <|endoftext|> …) left out; "
            "the mean over all rows.",
            "Voita et al. 2019 (arXiv 1905.09418)",
            _confidence,
            missing="every key ends the text",
        ),
        "first_token_share": Metric(
            "The attention to key 0; the mean over all rows. "
            "An even causal head of n tokens has (1 + 1/2 + … + 1/n) / n.",
            "Xiao et al. 2023 (arXiv 2309.17453); null attention in Vig & Belinkov 2019",
            _first_token_share,
        ),
        "self_share": Metric(
            "The attention of a token to itself; the mean over all rows.", "Clark et al. 2019", _self_share, "", CROSS
        ),
        "local_share": Metric(
            f"The attention to keys at most {LOCAL} tokens away, the token itself included; the mean over all rows.",
            "Clark et al. 2019",
            partial(_near, most=LOCAL),
            missing=CROSS,
        ),
        "sink": Metric(
            "α of the key that takes most attention of all: the mean weight over the queries that may look at it. "
            "The paper looks at the first token, and calls it a sink where α > ε = 0.3.",
            "Gu et al. 2024 (arXiv 2410.10781)",
            _sink,
        ),
        "special_share": Metric(
            "The attention to special tokens, spelled like <s>, [CLS] or <|endoftext|>; the mean over all rows.",
            "Clark et al. 2019",
            _special_share,
            missing="no token of this text is special",
        ),
        **{name: metric for pattern in PATTERNS for name, metric in _patterned(pattern).items()},
        "induction.repeat": Metric(
            "On [BOS, r, r], r being N random tokens: the mean of the diagonal N − 1 below the main one. Two of its "
            "N + 2 cells belong to no repeated token.",
            _ARENA,
            partial(_repeated, back=1),
            missing=_TWICE,
            remedy="attn heads -m MODEL --repeat 50",
        ),
        "duplicate_token.repeat": Metric(
            "On [BOS, r, r], r being N random tokens: the mean of the diagonal N below the main one. One of its N + 1 "
            "cells belongs to no repeated token.",
            _ARENA,
            partial(_repeated, back=0),
            missing=_TWICE,
            remedy="attn heads -m MODEL --repeat 50",
        ),
    }
)
"""Every metric by its name."""
