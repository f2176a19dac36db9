"""Scores as they are compared with those of models that shift whole rows of them."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def centered(scores: Array) -> Array:
    """Scores (…, key) in float64, each row without the mean of what is visible of it; a hidden cell stays −∞."""
    scores = scores.astype(np.float64)
    return scores - scores.mean(axis=-1, keepdims=True, where=np.isfinite(scores))
