"""Command R, R7B, A and Aya (Cohere 2024): parallel attention and MLP on one LayerNorm, scaled logits.

Cohere 2 has a sliding window and RoPE in three layers of four, and neither in the fourth.
"""

from dataclasses import replace

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    NAMES,
    architecture,
    plain_layer,
    sliding_layers,
    window,
)
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import LayerPlan, QKNorm, Unembedding
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed

SECOND = {
    "order_of_interleaved_layers": "local_attn_first",
    "position_embedding_type": "rope_gptj",
    "rotary_pct": 1.0,
    "use_gated_activation": True,
    "use_parallel_block": True,
}
"""Keys of Cohere 2's configs, and the only values that attn computes."""


def read(config: Config) -> Architecture:
    second = config.word("model_type") == "cohere2"
    config.assume({"tie_word_embeddings": True} | ({"sliding_window": 4096} if second else {"rope_theta": 5e5}))
    norm = Norm("layer", config.number("layer_norm_eps", 1e-5))
    plain = plain_layer(config)
    layer = replace(
        plain,
        norm=norm,
        norms=("before_attention",),
        rotary=rotary(config, plain.d_k, style="interleaved"),
        qk_norm=None if second or not config.flag("use_qk_norm", False) else QKNorm(norm, over="each"),
        parallel=True,
    )
    layers = _alternating(config, layer) if second else (layer,) * config.whole("num_hidden_layers")
    result = architecture(config, layers, {**NAMES, **HEAD_NORMS})
    scale = config.number("logit_scale", 0.0625)
    return replace(result, unembedding=Unembedding(config.flag("tie_word_embeddings", True), scale))


def _alternating(config: Config, layer: LayerPlan) -> tuple[LayerPlan, ...]:
    for key, value in SECOND.items():
        config.must_be(key, value)
    pattern = config.whole("sliding_window_pattern", config.whole("_sliding_window_pattern", 4))
    mask = window(config)
    slides = sliding_layers(config, lambda number: (number + 1) % pattern != 0)
    unrotated = replace(layer, mask=Causal(), rotary=None)
    local = unrotated if mask == Causal() else replace(layer, mask=mask)
    return tuple(local if sliding else unrotated for sliding in slides)


HEAD_NORMS: Names = {f"{name}_norm": Packed(f"layers.{{i}}.self_attn.{name}_norm", stacked=True) for name in "qk"}

FAMILY = Family(
    read=read,
    harmless_keys=(
        *HARMLESS_KEYS, "cache_implementation", "layer_switch", "model_max_length", "sliding_window_pattern",
        "use_embedding_sharing", "use_parallel_embedding",
    ),
    harmless_tensors=HARMLESS_TENSORS,
)  # fmt: skip
