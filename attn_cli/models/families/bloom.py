"""BLOOM (arXiv 2211.05100): ALiBi, normalized embeddings, and one matrix for queries, keys and values per head."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import gelu_tanh
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.weights import Names, fused


def read(config: Config) -> Architecture:
    width = config.whole("n_embed", None) or config.whole("hidden_size")
    heads = config.whole("n_head", None) or config.whole("num_attention_heads")
    config.must_be("apply_residual_connection_post_layernorm", False)
    norm = Norm("layer", config.number("layer_norm_epsilon", 1e-5))
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=norm,
        norms=("before_attention", "before_mlp"),
        mlp=Plain(gelu_tanh),
        mask=Causal(),
        alibi=True,
    )
    stack = StackPlan(
        layers=(layer,) * (config.whole("n_layer", None) or config.whole("num_hidden_layers")),
        names={**NAMES, **fused("h.{i}.self_attention.query_key_value", heads, heads, groups=heads)},
        embed_norm=norm,
        final_norm=norm,
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


NAMES: Names = {
    "embed": "word_embeddings",
    "embed_norm": "word_embeddings_layernorm",
    "before_attention": "h.{i}.input_layernorm",
    "o": "h.{i}.self_attention.dense",
    "before_mlp": "h.{i}.post_attention_layernorm",
    "up": "h.{i}.mlp.dense_h_to_4h",
    "down": "h.{i}.mlp.dense_4h_to_h",
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "attention_dropout", "attention_softmax_in_fp32", "bias_dropout_fusion", "hidden_dropout", "hidden_size",
        "masked_softmax_fusion", "n_inner", "num_attention_heads", "offset_alibi", "seq_length", "skip_bias_add",
        "skip_bias_add_qkv", "slow_but_exact", "unk_token_id",
    ),
)  # fmt: skip
