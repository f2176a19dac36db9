"""The plainest aggregations: the mean and the largest of all heads and layers."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made


def mean(chosen: Chosen) -> Made:
    """The mean weight (query, key) over heads and layers."""
    total = sum(weights.sum(axis=0) for weights in chosen.weights())
    return Made(np.asarray(total) / sum(map(len, chosen.heads)))


def largest(chosen: Chosen) -> Made:
    """The largest weight (query, key) among heads and layers."""
    return Made(np.max([weights.max(axis=0) for weights in chosen.weights()], axis=0))
