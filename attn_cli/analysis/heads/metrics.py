"""Head metrics: numbers that describe one head's weights, each with its definition and its source."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from attn_cli.analysis.heads.observed import Observed
from attn_cli.analysis.heads.patterns import PATTERNS, cells
from attn_cli.trace.trace import Array

LOCAL = 2
"""The largest distance that `local_share` counts, in tokens."""

Measure = Callable[[Observed], Array | None]


class Metric(NamedTuple):
    """A number for each head: `measure` gives (head,), or None where it is undefined, for the reason in `missing`."""

    definition: str
    source: str
    measure: Measure
    unit: str = ""
    missing: str = ""
    remedy: str = "choose another metric"


def _entropy(seen: Observed) -> Array:
    return np.asarray(seen.entropies.mean(axis=1))


def _normalized_entropy(seen: Observed) -> Array | None:
    counts = seen.visible.sum(axis=2)  # (head or 1, query)
    several = counts >= 2
    if not several.any():
        return None
    shares = np.where(several, seen.entropies / np.log(np.maximum(counts, 2)), 0)
    return np.asarray(shares.sum(axis=1) / several.sum(axis=1))


def _effective_tokens(seen: Observed) -> Array:
    return np.asarray(np.exp(seen.entropies).mean(axis=1))


def _distance(seen: Observed) -> Array | None:
    if seen.positions is None:
        return None
    query, key = seen.positions
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
    """The attention to keys at most `most` tokens away, averaged over queries."""
    if seen.positions is None:
        return None
    query, key = seen.positions
    return seen.over(np.abs(query - key) <= most) / len(seen.queries)


def _sink(seen: Observed) -> Array:
    """α of the key that gets the most attention: its mean weight over the queries that see it."""
    queries = seen.visible.sum(axis=1)  # (head or 1, key)
    means = seen.weights.sum(axis=1) / np.maximum(queries, 1)
    heads = np.arange(len(seen.sink)) if len(means) > 1 else 0
    return np.asarray(means[heads, seen.sink])


def _special_share(seen: Observed) -> Array | None:
    if not seen.special.any():
        return None
    return np.asarray(seen.weights[:, :, seen.special].sum(axis=2).mean(axis=1))


def _mul(seen: Observed, pattern: str) -> Array | None:
    pattern_cells = cells(pattern, seen)
    return None if pattern_cells is None else seen.over(pattern_cells) / seen.total


def _abs(seen: Observed, pattern: str) -> Array | None:
    pattern_cells = cells(pattern, seen)
    if pattern_cells is None:
        return None
    # |w − 1| − |w| on the pattern's cells plus |w| everywhere: the sum of |weights − pattern| without a second array.
    on = seen.weights[:, pattern_cells]
    differences = seen.absolute + (np.abs(on - 1) - np.abs(on)).sum(axis=1)
    return np.asarray(1 - np.round(differences / len(seen.queries), 3))


def _diag(seen: Observed, pattern: str) -> Array | None:
    pattern_cells = cells(pattern, seen)
    if pattern_cells is None:
        return None
    having = (pattern_cells & seen.visible).any(axis=2)  # (head or 1, query)
    # Masked cells weigh 0, so all of the pattern's cells can be added up.
    return np.asarray(seen.over(pattern_cells) / np.maximum(having.sum(axis=1), 1))


def _repeated(seen: Observed, back: int) -> Array | None:
    """The mean of the diagonal that lies `period` − `back` below the main one."""
    if seen.period is None:
        return None
    return np.asarray(np.diagonal(seen.weights, back - seen.period, 1, 2).mean(axis=1))


_TL = "TransformerLens 4, head_detector"
_ARENA = "Nanda's and ARENA's detectors on repeated random tokens; Olsson et al. 2022 (arXiv 2209.11895)"
CROSS = "in cross-attention, positions of queries and keys are unrelated"
_ALONE = "no query sees two keys"
_TWICE = "it is measured on a repeated sequence of random tokens: --repeat N"


def _patterned(name: str) -> Mapping[str, Metric]:
    """The three measures of one pattern."""
    what, missing = PATTERNS[name].what, PATTERNS[name].missing
    in_library = name in ("previous_token", "duplicate_token", "induction")
    source = f'{_TL} ("{name}_head")' if in_library else f"the same formula as {_TL}"
    return {
        f"{name}.mul": Metric(
            f"Σ w∘d / Σ w, where d is 1 at {what} and 0 elsewhere. A perfect head may stay below 1.",
            f'{source}, error_measure "mul"',
            partial(_mul, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
        f"{name}.abs": Metric(
            f"1 − Σ |w − d| / queries, the quotient rounded to three digits, where d is 1 at {what} and 0 elsewhere; "
            "−1 to 1.",
            f'{source}, error_measure "abs"',
            partial(_abs, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
        f"{name}.diag": Metric(
            f"The attention to {what}, averaged over the queries that see such a key.",
            "Olsson et al. 2022 (arXiv 2209.11895), prefix matching" if name == "induction" else "defined by attn",
            partial(_diag, pattern=name),
            missing=missing,
            remedy=PATTERNS[name].remedy,
        ),
    }


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "entropy": Metric(
            "−Σ w ln w of a row, averaged over all rows, including the first row of a causal head, which is always 0.",
            "Clark et al. 2019 (arXiv 1906.04341); Vig & Belinkov 2019 (arXiv 1906.04284)",
            _entropy,
            "nats",
        ),
        "normalized_entropy": Metric(
            "A row's entropy divided by ln k, the maximum for k visible keys: 0 to 1; averaged over rows with k ≥ 2.",
            "after Oh & Schuler 2022 (arXiv 2212.11185)",
            _normalized_entropy,
            missing=_ALONE,
        ),
        "effective_tokens": Metric(
            "exp(entropy) of a row: an even spread over this many tokens has the same entropy; averaged over all rows.",
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
            "The largest weight of a row, without keys that end the text (</s>, [SEP], <|endoftext|> …); "
            "averaged over all rows.",
            "Voita et al. 2019 (arXiv 1905.09418)",
            _confidence,
            missing="every key ends the text",
        ),
        "first_token_share": Metric(
            "The attention to key 0, averaged over all rows. "
            "An even causal head of n tokens has (1 + 1/2 + … + 1/n) / n.",
            "Xiao et al. 2023 (arXiv 2309.17453); null attention in Vig & Belinkov 2019",
            _first_token_share,
        ),
        "self_share": Metric(
            "The attention of a token to itself, averaged over all rows.", "Clark et al. 2019", _self_share, "", CROSS
        ),
        "local_share": Metric(
            f"The attention to keys at most {LOCAL} tokens away, including the token itself, averaged over all rows.",
            "Clark et al. 2019",
            partial(_near, most=LOCAL),
            missing=CROSS,
        ),
        "sink": Metric(
            "α of the key that gets the most attention: its mean weight over the queries that see it. "
            "The paper measures the first token, and calls it a sink if α > ε = 0.3.",
            "Gu et al. 2024 (arXiv 2410.10781)",
            _sink,
        ),
        "special_share": Metric(
            "The attention to special tokens, spelled like <s>, [CLS] or <|endoftext|>, averaged over all rows.",
            "Clark et al. 2019",
            _special_share,
            missing="no token of this text is special",
        ),
        **{name: metric for pattern in PATTERNS for name, metric in _patterned(pattern).items()},
        "induction.repeat": Metric(
            "On [BOS, r, r], r being N random tokens: the mean of the diagonal N − 1 below the main one. Two of its "
            "N + 2 cells are outside the repeated sequence.",
            _ARENA,
            partial(_repeated, back=1),
            missing=_TWICE,
            remedy="attn heads -m MODEL --repeat 50",
        ),
        "duplicate_token.repeat": Metric(
            "On [BOS, r, r], r being N random tokens: the mean of the diagonal N below the main one. One of its N + 1 "
            "cells is outside the repeated sequence.",
            _ARENA,
            partial(_repeated, back=0),
            missing=_TWICE,
            remedy="attn heads -m MODEL --repeat 50",
        ),
    }
)
"""Every metric by its name."""
