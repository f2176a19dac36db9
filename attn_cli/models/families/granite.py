"""Granite 3 (IBM 2024): Llama's layers with a multiplier each for embeddings, scores, what layers add, and logits."""

from dataclasses import replace

from attn_cli.models.config import Config
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.plan import Unembedding


def read(config: Config) -> Architecture:
    layer = replace(
        plain_layer(config),
        scale=config.number("attention_multiplier", 1.0),
        residual_scale=config.number("residual_multiplier", 1.0),
    )
    plain = architecture(config, (layer,) * config.whole("num_hidden_layers"))
    stack = replace(plain.stacks[0], embed_scale=config.number("embedding_multiplier", 1.0))
    scale = 1 / config.number("logits_scaling", 1.0)
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False), scale=scale))


FAMILY = Family(types=("granite",), read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
