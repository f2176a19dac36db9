"""GPT-NeoX and Pythia (arXiv 2204.06745, 2304.01373): parallel attention and MLP, RoPE in part of each head."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed, fused


def read(config: Config) -> Architecture:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    share, base = config.number("rotary_pct", 0.25), config.number("rotary_emb_base", 10000)
    config.assume({"partial_rotary_factor": share, "rope_theta": base})
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", config.number("layer_norm_eps", 1e-5)),
        norms=("before_attention", "before_mlp"),
        mlp=Plain(activation(config.word("hidden_act", "gelu"))),
        mask=Causal(),
        rotary=rotary(config, width // heads),
        parallel=config.flag("use_parallel_residual", True),
    )
    stack = StackPlan(
        layers=(layer,) * config.whole("num_hidden_layers"),
        names={**NAMES, **fused("layers.{i}.attention.query_key_value", heads, heads, groups=heads)},
        final_norm=layer.norm,
        max_positions=config.whole("max_position_embeddings", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False)))


NAMES: Names = {
    "embed": "embed_in",
    "before_attention": "layers.{i}.input_layernorm",
    "o": "layers.{i}.attention.dense",
    "before_mlp": "layers.{i}.post_attention_layernorm",
    "up": "layers.{i}.mlp.dense_h_to_4h",
    "down": "layers.{i}.mlp.dense_4h_to_h",
    "final_norm": "final_layer_norm",
    "unembed": Packed("/embed_out", others=("/lm_head",)),
}

FAMILY = Family(
    read=read,
    prefixes=("gpt_neox.", ""),
    harmless_keys=(
        "attention_bias", "attention_dropout", "attention_probs_dropout_prob", "hidden_dropout", "hidden_dropout_prob",
        "intermediate_size", "rope_theta", "rotary_emb_base", "rotary_pct",
    ),
    harmless_tensors=(r".*\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",),
)  # fmt: skip
