"""Attention flow by networkx, stored for the tests: `python tests/parity/make_flow.py` where networkx is installed.

Each pair is one maximum flow through the network of Abnar & Zuidema 2020 (arXiv 2005.00928), section 3.
"""

import json
from pathlib import Path

import networkx as nx
import numpy as np

CASES = {"encoder": (5, 3, False), "causal": (7, 2, True), "one layer": (3, 1, False)}
"""Tokens, layers, whether a query sees only what is before it."""


def weights(rng: np.random.Generator, tokens: int, causal: bool) -> np.ndarray:
    """One head's weights (1, query, key), peaked enough that edges fill up."""
    scores = 3 * rng.normal(size=(1, tokens, tokens))
    exponentials = np.exp(scores) * (np.tril(np.ones((tokens, tokens))) if causal else 1)
    return exponentials / exponentials.sum(axis=2, keepdims=True)


def flows(layers: list[np.ndarray]) -> list[list[float]]:
    """The maximum flow from each query of the last layer to each token before the first."""
    graph = nx.DiGraph()
    tokens = layers[0].shape[1]
    for level, layer in enumerate(layers):
        step = layer.mean(axis=0) / 2 + np.eye(tokens) / 2
        for query in range(tokens):
            for key in range(tokens):
                graph.add_edge((level + 1, query), (level, key), capacity=float(step[query, key]))
    return [
        [float(nx.maximum_flow_value(graph, (len(layers), query), (0, key))) for key in range(tokens)]
        for query in range(tokens)
    ]


def main() -> None:
    rng = np.random.default_rng(5)
    stored = {"networkx": nx.__version__, "cases": {}}
    for name, (tokens, count, causal) in CASES.items():
        layers = [weights(rng, tokens, causal) for _ in range(count)]
        stored["cases"][name] = {"weights": [layer.tolist() for layer in layers], "flow": flows(layers)}
    Path(__file__).with_name("flow.json").write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    main()
