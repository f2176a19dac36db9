"""Write the samples that are not written by hand: `python samples/make.py`, the same bytes every time."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from attn_cli.trace.files.npz import write_npz

TWO_HEADS = {
    "comment": "Four words with four features: noun, verb, first word, any word. Head 0 looks for nouns, more strongly "
    "when the query is a verb; head 1 looks for the first word. W_O combines the outputs of the heads; b_O is added.",
    "tokens": ["cats", "chase", "small", "mice"],
    "X": [[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1]],
    "W_Q": [[0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]],
    "W_K": [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]],
    "W_V": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    "W_O": [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    "b_Q": [1, 0, 1, 0],
    "b_K": [0, 1, 0, 0],
    "b_V": [0, 0, 0, 1],
    "b_O": [0.5, 0, 0, -0.5],
    "heads": 2,
    "mask": "causal",
}
"""The same document is written as JSON and as NPZ."""

GROUPED = {
    "comment": "Grouped-query attention: query heads 0 and 1 share key/value head 0, query heads 2 and 3 share 1. "
    "ALiBi lowers the scores of distant keys. Each head has a sink, a number that joins its softmax and takes a share.",
    "tokens": ["no", "news", "is", "good", "news"],
    "X": [[1, 0, 0, 1], [0, 2, 0, 1], [0, 0, 1, 1], [1, 0, 1, 1], [0, 2, 0, 1]],
    "W_Q": [
        [1, 0, 0, 1, 2, 0, 0, 2],
        [0, 1, 1, 0, 0, 2, 2, 0],
        [1, 1, 0, 0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 0, 1, 1],
    ],
    "W_K": [[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1]],
    "W_V": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    "sinks": [0, 1, 2, 3],
    "heads": 4,
    "kv_heads": 2,
    "mask": "causal",
    "positions": "alibi",
}

CACHE_STEP = {
    "comment": "One decode step: the KV cache holds the keys and values of five tokens, and the newest token is the "
    "only query. RoPE rotates queries and keys by their position; the query is at position 4.",
    "tokens": ["once", "upon", "a", "time", "there"],
    "Q": [[1, 2, 0, 1]],
    "K": [[1, 0, 1, 0], [0, 2, 0, 1], [1, 1, 0, 0], [0, 1, 1, 1], [1, 2, 0, 1]],
    "V": [[8, 0], [0, 8], [4, 4], [8, 8], [0, 0]],
    "mask": "causal",
    "positions": "rope",
}

CROSS = {
    "comment": "Cross-attention: the French words are queries, the English words keys. One feature for each meaning.",
    "tokens": ["le", "chat", "dort"],
    "context_tokens": ["the", "cat", "is", "asleep"],
    "X": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "X_context": [[1, 0, 0], [0, 1, 0], [0, 0, 0.5], [0, 0, 1]],
    "W_Q": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
    "W_K": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "W_V": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}

JSON: dict[str, dict[str, Any]] = {"two-heads": TWO_HEADS, "grouped": GROUPED, "cache-step": CACHE_STEP, "cross": CROSS}


def main(folder: Path) -> None:
    """Write every sample into the folder."""
    for name, document in JSON.items():
        (folder / f"{name}.json").write_text(to_json(document), encoding="utf-8")
    (folder / "two-heads.npz").write_bytes(write_npz({key: np.array(value) for key, value in TWO_HEADS.items()}))
    for name, scale in (("dump", 1 / np.sqrt(8)), ("dump-unscaled", 1.0)):
        (folder / f"{name}.npz").write_bytes(write_npz(dump(scale)))


def to_json(document: dict[str, Any]) -> str:
    """JSON with one row of numbers a line."""
    lines = [f"  {json.dumps(key)}: {laid_out(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def laid_out(value: Any) -> str:
    """A matrix with a row a line, anything else on one line."""
    if not isinstance(value, list) or not isinstance(value[0], list):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"    {json.dumps(row)}" for row in value) + "\n  ]"


def dump(scale: float) -> dict[str, np.ndarray]:
    """What a training loop might write: queries, keys and values of two causal heads, and the weights it computed."""
    tokens = ["the", "quick", "brown", "fox", "jumps"]
    numbers = np.random.default_rng(0).integers(-20, 21, (3, 2, len(tokens), 8)) / 10  # (Q K V, head, token, feature)
    q, k, v = numbers.astype(np.float32)
    scores = q.astype(np.float64) @ k.swapaxes(-1, -2) * scale
    exponentials = np.exp(scores) * np.tri(len(tokens))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return {
        "Q": q,
        "K": k,
        "V": v,
        "weights": weights.astype(np.float32),
        "tokens": np.array(tokens),
        "mask": np.array("causal"),
        "dtype": np.array("float32"),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
