"""Store what TransformerLens says of some attention patterns: python tests/parity/heads/make.py, with it installed.

It needs torch and transformer_lens (4.3.0 was used), which attn does not. `detect_head` itself is called, with a
stand-in for the model that hands it the tokens and the patterns; so nothing of the arithmetic is ours. The patterns are
random causal ones and the heads of samples/known-heads, on texts with and without repeats.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformer_lens.head_detector import HEAD_NAMES, detect_head

from attn_cli.models.explain import run_model
from attn_cli.models.request import ModelRequest

HERE = Path(__file__).parent
SAMPLE = str(HERE.parents[2] / "samples" / "known-heads")
TEXTS = ("the cat sat on the mat and the cat", "a blue bird sat", "the cat the cat the cat", "she ran and she ran")
HEADS, WORDS, LENGTHS = 3, 5, (2, 3, 7, 13, 31)


def random_case(length: int, rng: np.random.Generator) -> tuple[list[int], Any]:
    """Token ids from few words, and the patterns (layer, head, query, key) of random scores under a causal mask."""
    scores = rng.normal(scale=2, size=(1, HEADS, length, length))
    exponentials = np.exp(scores) * np.tril(np.ones((length, length)))
    weights = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
    return rng.integers(0, WORDS, length).tolist(), weights


def known_case(text: str) -> tuple[list[int], Any]:
    trace = run_model(ModelRequest(SAMPLE, text), stages=("weights",))
    return list(trace.token_ids or ()), np.stack([layer["weights"] for layer in trace.layers])


def scores(ids: list[int], weights: Any, kind: str, measure: str) -> list[list[float]]:
    """What TransformerLens's detect_head gives each layer and head."""
    shape = SimpleNamespace(device="cpu", n_ctx=10_000, n_heads=weights.shape[1], n_layers=len(weights))
    shape.dtype = torch.float32
    model: Any = SimpleNamespace(cfg=shape, to_tokens=lambda text: torch.tensor([ids]))
    cache: Any = {("pattern", layer, "attn"): torch.tensor(pattern) for layer, pattern in enumerate(weights)}
    found = detect_head(model, "", kind, cache=cache, error_measure=measure)  # type: ignore[arg-type]
    return [[float(score) for score in layer] for layer in found]


def main() -> None:
    rng = np.random.default_rng(0)
    cases = {f"random-{length}": random_case(length, rng) for length in LENGTHS}
    cases |= {text: known_case(text) for text in TEXTS}
    arrays = {f"{number}.weights": weights for number, (_, weights) in enumerate(cases.values())}
    figures = [
        {
            "case": name,
            "ids": ids,
            "scores": {
                f"{kind.removesuffix('_head')}.{measure}": scores(ids, weights, kind, measure)
                for kind in HEAD_NAMES
                for measure in ("mul", "abs")
            },
        }
        for name, (ids, weights) in cases.items()
    ]
    np.savez_compressed(HERE / "patterns.npz", **arrays)
    (HERE / "transformer_lens.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
