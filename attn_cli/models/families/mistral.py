"""Mistral (Jiang et al. 2023, arXiv 2310.06825) and Ministral: Llama's layers with a sliding window."""

from dataclasses import replace

from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    architecture,
    plain_layer,
    window,
    windowed,
)
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config


def read(config: Config) -> Architecture:
    layer = plain_layer(config.assume({"sliding_window": 4096}))
    if config.word("model_type") == "ministral":
        return architecture(config, windowed(config, layer, lambda number: True))
    return architecture(config, (replace(layer, mask=window(config)),) * config.whole("num_hidden_layers"))


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "sliding_window"),
    harmless_tensors=HARMLESS_TENSORS,
)
