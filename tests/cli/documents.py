"""Small documents for the tests of the command line."""

from typing import Any

PARAMETERS: dict[str, Any] = {
    "tokens": ["a", "b"],
    "embeddings": {"a": [1, 2, 3], "b": [0, 1, -1]},
    "W_Q": [[1, 0], [0, 1], [1, 1]],
    "W_K": [[0, 1], [1, 0], [2, 1]],
    "W_V": [[1, 1], [0, 1], [1, 0]],
}
GROUPED: dict[str, Any] = {
    "tokens": ["a", "b", "c"],
    "X": [[1, 0.5], [0.25, -1], [2, 0.125]],
    "W_Q": [[1, 0, 1, 2], [0.5, 1, -1, 0]],
    "W_K": [[1], [0.5]],
    "W_V": [[2, 1, 0], [1, 0, 3]],
    "heads": 4,
    "kv_heads": 1,
}
CROSS: dict[str, Any] = {
    "tokens": ["a", "b"],
    "context_tokens": ["x", "y", "z"],
    "Q": [[1, 0.1], [0.3, 2]],
    "K": [[1, 0.7], [0, 1], [0.5, -1]],
    "V": [[1, 0], [0, 1], [3, 4]],
}


def parameters(**changes: Any) -> dict[str, Any]:
    """The parameters with other values for some keys; a key that is changed to `...` is left out."""
    return {key: value for key, value in (PARAMETERS | changes).items() if value is not ...}
