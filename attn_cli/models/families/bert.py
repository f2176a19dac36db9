"""BERT (Devlin et al. 2018, arXiv 1810.04805): an encoder with post-norm and learned positions."""

from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.weights import Names


def plain_layer(config: Config) -> LayerPlan:
    """A layer of BERT's kind, without a mask."""
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    config.must_be("is_decoder", False)
    config.must_be("add_cross_attention", False)
    config.must_be("position_embedding_type", "absolute")
    return LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", config.number("layer_norm_eps", 1e-12)),
        norms=("attention_sum", "mlp_sum"),
        mlp=Plain(activation(config.word("hidden_act", "gelu"))),
    )


def stack(config: Config, layer: LayerPlan, names: Names) -> StackPlan:
    """A stack of equal layers over normalized embeddings."""
    return StackPlan(
        layers=(layer,) * config.whole("num_hidden_layers"),
        names=names,
        table="learned",
        embed_norm=layer.norm,
        max_positions=config.whole("max_position_embeddings"),
    )


def check_width(config: Config) -> None:
    """DocumentError for embeddings narrower than the layers, which only ELECTRA and ALBERT have."""
    config.must_be("embedding_size", config.whole("hidden_size"))


def read(config: Config) -> Architecture:
    check_width(config)
    return Architecture((stack(config, plain_layer(config), NAMES),))


_LAYER, _SELF = "encoder.layer.{i}.", "encoder.layer.{i}.attention.self."
EMBEDDINGS: Names = {
    "embed": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "embed_norm": "embeddings.LayerNorm",
}
NAMES: Names = {
    **EMBEDDINGS,
    **{name[0]: _SELF + name for name in ("query", "key", "value")},
    "o": _LAYER + "attention.output.dense",
    "attention_sum": _LAYER + "attention.output.LayerNorm",
    "up": _LAYER + "intermediate.dense",
    "down": _LAYER + "output.dense",
    "mlp_sum": _LAYER + "output.LayerNorm",
}

HARMLESS_KEYS = (
    "attention_probs_dropout_prob", "hidden_dropout_prob", "intermediate_size", "type_vocab_size", "directionality",
    "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type",
)  # fmt: skip
# Modules after the last layer: pooler and heads.
HARMLESS_TENSORS = (
    r".*embeddings\.position_ids",
    r"(.*\.)?pooler\..*",
    r"(cls|lm_head|classifier|classification_head|qa_outputs|predictions)\..*",
)

FAMILY = Family(
    read=read,
    prefixes=("bert.", ""),
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=HARMLESS_TENSORS,
)
