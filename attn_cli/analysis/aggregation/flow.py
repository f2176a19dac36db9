"""Attention flow (Abnar & Zuidema 2020): how much attention can pass from a token to a query through all layers."""

import numpy as np

from attn_cli.analysis.aggregation.gathering import Chosen, Combined
from attn_cli.analysis.aggregation.maxflow import Network
from attn_cli.analysis.aggregation.rollout import mixed, remarks
from attn_cli.errors import SelectionError

MOST_TOKENS = 32
"""The longest text that flow accepts: it solves one maximum flow for each pair of tokens."""


def flow(chosen: Chosen) -> Combined:
    """The maximum flow from (last layer, query) to (before the first layer, token), for each pair separately."""
    count = len(chosen.layers[0].query_tokens)
    if count > MOST_TOKENS:
        raise SelectionError(
            f"flow accepts up to {MOST_TOKENS} tokens, and this text has {count}",
            hint="use --aggregate rollout, which has no such limit, or shorten the text",
        )
    steps = mixed(chosen)
    network = Network.of_layers(steps)
    matrix = np.array([[network.flow(query, token) for token in range(count)] for query in range(count)])
    return Combined(matrix, remarks(chosen, steps))
