"""The simplest aggregations: the mean and the maximum over heads and layers."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined


def mean(chosen: Chosen) -> Combined:
    """The mean weight (query, key) over heads and layers."""
    total = sum(weights.sum(axis=0) for weights in chosen.weights())
    return Combined(np.asarray(total) / sum(map(len, chosen.heads)))


def largest(chosen: Chosen) -> Combined:
    """The largest weight (query, key) among heads and layers."""
    return Combined(np.max([weights.max(axis=0) for weights in chosen.weights()], axis=0))
