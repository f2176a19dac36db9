"""MPNet (Song et al. 2020, arXiv 2004.09297): RoBERTa with one relative position bias for all layers."""

from dataclasses import replace

from attn_cli.models.families.bert import EMBEDDINGS, HARMLESS_KEYS, HARMLESS_TENSORS, check_width, plain_layer, stack
from attn_cli.models.families.roberta import behind
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.relative import Buckets
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    check_width(config)
    config.must_be("relative_attention_num_buckets", 32)
    layer = replace(plain_layer(config), relative=Buckets(32, 128, both_ways=True))
    return Architecture((behind(stack(config, layer, NAMES), 1),))


_LAYER = "encoder.layer.{i}."
NAMES: Names = {
    **{name: module for name, module in EMBEDDINGS.items() if name != "token_types"},
    "relative": "encoder.relative_attention_bias",
    **{name: f"{_LAYER}attention.attn.{name}" for name in "qkvo"},
    "attention_sum": f"{_LAYER}attention.LayerNorm",
    "up": f"{_LAYER}intermediate.dense",
    "down": f"{_LAYER}output.dense",
    "mlp_sum": f"{_LAYER}output.LayerNorm",
}

FAMILY = Family(
    read=read,
    prefixes=("mpnet.", ""),
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=HARMLESS_TENSORS,
)
