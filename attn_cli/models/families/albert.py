"""ALBERT (Lan et al. 2019, arXiv 1909.11942): BERT with one set of weights for all layers."""

from dataclasses import replace

from attn_cli.models.families.bert import EMBEDDINGS, HARMLESS_KEYS, HARMLESS_TENSORS, plain_layer, stack
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    for key, only in ONLY.items():
        config.must_be(key, only)
    config.must_be("layers_to_keep", [])
    layer = plain_layer(config)
    layer = replace(layer, mlp=Plain(activation(config.word("hidden_act", "gelu_new"))))
    return Architecture((stack(config, layer, NAMES),))


ONLY = {"num_hidden_groups": 1, "inner_group_num": 1, "gap_size": 0, "net_structure_type": 0, "num_memory_blocks": 0}

_LAYER = "encoder.albert_layer_groups.0.albert_layers.0."
NAMES: Names = {
    **EMBEDDINGS,
    "embed_project": "encoder.embedding_hidden_mapping_in",
    **{name[0]: f"{_LAYER}attention.{name}" for name in ("query", "key", "value")},
    "o": f"{_LAYER}attention.dense",
    "attention_sum": f"{_LAYER}attention.LayerNorm",
    "up": f"{_LAYER}ffn",
    "down": f"{_LAYER}ffn_output",
    "mlp_sum": f"{_LAYER}full_layer_layer_norm",
}

FAMILY = Family(
    read=read,
    prefixes=("albert.", ""),
    harmless_keys=(*HARMLESS_KEYS, "classifier_dropout_prob", "down_scale_factor", "embedding_size"),
    harmless_tensors=(*HARMLESS_TENSORS, r"sop_classifier\..*"),
)
