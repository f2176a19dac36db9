"""Falcon (arXiv 2311.16867): multi-query or grouped-query attention, RoPE or coarse ALiBi."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.relative import CoarseAlibi
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, fused


def read(config: Config) -> Architecture:
    if (kind := config.word("model_type")) in FIRST:
        config.assume({"new_decoder_architecture": kind == "RefinedWeb", "multi_query": False, "parallel_attn": False})
    width = config.whole("n_embed", None) or config.whole("hidden_size")
    heads = config.whole("num_attention_heads", None) or config.whole("n_head")
    d_k = width // heads
    newer, alibi = config.flag("new_decoder_architecture", False), config.flag("alibi", False)
    shared = 1 if config.flag("multi_query", True) else heads
    kv_heads = (config.whole("num_kv_heads", None) or config.whole("n_head_kv", heads)) if newer else shared
    parallel = config.flag("parallel_attn", True) or newer
    two_norms = config.whole("num_ln_in_parallel_attn", 2) == 2 if newer else not parallel
    config.must_be("apply_residual_connection_post_layernorm", False)
    norm = Norm("layer", config.number("layer_norm_epsilon", 1e-5))
    layer = LayerPlan(
        heads=heads,
        kv_heads=kv_heads,
        d_k=d_k,
        d_v=d_k,
        norm=norm,
        norms=("before_attention", "before_mlp") if two_norms else ("before_attention",),
        mlp=Plain(activation(config.word("activation", "gelu"))),
        mask=Causal(),
        rotary=None if alibi else rotary(config, d_k),
        relative=CoarseAlibi(heads, d_k**-0.5) if alibi else None,
        parallel=parallel,
    )
    names = {**NAMES, **IN_PARALLEL} if two_norms and newer else NAMES
    stack = StackPlan(
        layers=(layer,) * (config.whole("num_hidden_layers", None) or config.whole("n_layer")),
        names={**names, **fused("h.{i}.self_attention.query_key_value", heads, kv_heads, groups=kv_heads)},
        final_norm=norm,
        max_positions=config.whole("max_position_embeddings", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


FIRST = ("RefinedWebModel", "RefinedWeb")
"""The model types of the first checkpoints of Falcon 7B and 1B, and of Falcon 40B."""

NAMES: Names = {
    "embed": "word_embeddings",
    "before_attention": "h.{i}.input_layernorm",
    "o": "h.{i}.self_attention.dense",
    "before_mlp": "h.{i}.post_attention_layernorm",
    "up": "h.{i}.mlp.dense_h_to_4h",
    "down": "h.{i}.mlp.dense_4h_to_h",
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}
IN_PARALLEL: Names = {"before_attention": "h.{i}.ln_attn", "before_mlp": "h.{i}.ln_mlp"}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "attention_dropout", "bias", "ff_factor", "ffn_hidden_size", "hidden_dropout", "hidden_size", "n_head",
        "n_head_kv", "n_layer", "num_kv_heads", "num_ln_in_parallel_attn", "rope_parameters", "rope_scaling",
        "rope_theta",
    ),
    harmless_tensors=(r".*\.rotary_emb\.inv_freq", r".*\.maybe_rotary\.inv_freq"),
)  # fmt: skip
