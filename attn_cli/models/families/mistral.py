"""Mistral (Jiang et al. 2023, arXiv 2310.06825) and Ministral: Llama's layers, looking through a sliding window."""

from dataclasses import replace

from attn_cli.core.masks import Causal
from attn_cli.models.config import Config
from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    architecture,
    plain_layer,
    sliding_layers,
    window,
)
from attn_cli.models.family import Architecture, Family


def read(config: Config) -> Architecture:
    layer, mask = plain_layer(config.assume({"sliding_window": 4096})), window(config)
    if config.word("model_type") == "mistral":
        slides = (True,) * config.whole("num_hidden_layers")
    else:
        slides = sliding_layers(config, lambda number: True)
    return architecture(config, tuple(replace(layer, mask=mask if sliding else Causal()) for sliding in slides))


FAMILY = Family(
    types=("mistral", "ministral"),
    read=read,
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=HARMLESS_TENSORS,
)
