"""Attention flow (Abnar & Zuidema 2020): how much can pass from a token to a query through all layers."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Made
from attn_cli.analysis.aggregation.maxflow import Network
from attn_cli.analysis.aggregation.rollout import mixed, remarks
from attn_cli.errors import SelectionError

MOST_TOKENS = 32
"""The longest text that flow is computed for: it is one maximum flow for each query and token."""


def flow(chosen: Chosen) -> Made:
    """The maximum flow from (last layer, query) to (before the first layer, token), each pair by itself."""
    count = len(chosen.layers[0].query_tokens)
    if count > MOST_TOKENS:
        raise SelectionError(
            f"flow takes up to {MOST_TOKENS} tokens, and this text has {count}",
            hint="--aggregate rollout has no such limit; or shorten the text",
        )
    steps = mixed(chosen)
    network = Network.of_layers(steps)
    matrix = np.array([[network.flow(query, token) for token in range(count)] for query in range(count)])
    return Made(matrix, remarks(chosen, steps))
