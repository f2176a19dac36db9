"""OLMo 1 to 3 (arXiv 2402.00838, 2501.00656, 2512.13961): Llama's layers with other norms.

OLMo has LayerNorm without weights. OLMo 2 has norms after attention and MLP, and QK-norm over all heads. OLMo 3 has a
sliding window in three of four layers. OLMoE (arXiv 2409.02060) has experts, and so has FlexOlmo (arXiv 2507.07024),
with the norms of OLMo 2.
"""

from dataclasses import replace

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import (
    FULL,
    HARMLESS_TENSORS,
    QK_NAMES,
    SLIDING,
    architecture,
    plain_layer,
    sliding_layers,
    window,
    without,
)
from attn_cli.models.families.mixtral import EXPERT_KEYS, EXPERT_NAMES, experts
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import LayerPlan, QKNorm
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    return READ[config.word("model_type")](config)


def _first(config: Config) -> Architecture:
    layer = replace(plain_layer(config), norm=Norm("layer", 1e-5), clip=config.number("clip_qkv", None))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


def _normed_after(config: Config, kind: str | None = None, eps: float = 1e-5) -> LayerPlan:
    layer = plain_layer(config.assume({"rms_norm_eps": eps}), kind)
    return replace(layer, norms=("after_attention", "after_mlp"), qk_norm=QKNorm(layer.norm, over="all"))


def _second(config: Config) -> Architecture:
    return architecture(config, (_normed_after(config),) * config.whole("num_hidden_layers"), AFTER_NAMES)


def _third(config: Config) -> Architecture:
    layer = _normed_after(config.assume({"rope_theta": 5e5, "sliding_window": 4096}), FULL)
    local = replace(layer, mask=window(config), rotary=rotary(config, layer.d_k, SLIDING))
    slides = sliding_layers(config, lambda number: (number + 1) % 4 > 0)
    return architecture(config, tuple(local if slide else layer for slide in slides), AFTER_NAMES)


def _experts(config: Config) -> Architecture:
    config.must_be("clip_qkv", None)
    layer = plain_layer(config.assume({"rms_norm_eps": 1e-5, "num_experts_per_tok": 8}))
    layer = replace(
        layer,
        mlp=experts(config, among=config.flag("norm_topk_prob", False)),
        qk_norm=QKNorm(layer.norm, over="all"),
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), OLMOE_NAMES)


def _flexible(config: Config) -> Architecture:
    config.must_be("clip_qkv", None)
    config.assume({"num_experts_per_tok": 5, "rope_theta": 5e5})
    layer = replace(_normed_after(config, eps=1e-6), mlp=experts(config, among=config.flag("norm_topk_prob", False)))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), FLEX_NAMES)


READ = {"olmo": _first, "olmo2": _second, "olmo3": _third, "olmoe": _experts, "flex_olmo": _flexible}

AFTER_NAMES: Names = without(QK_NAMES, "before_attention", "before_mlp") | {
    "after_attention": "layers.{i}.post_attention_layernorm",
    "after_mlp": "layers.{i}.post_feedforward_layernorm",
}
OLMOE_NAMES: Names = without(QK_NAMES, "gate", "up", "down") | EXPERT_NAMES
FLEX_NAMES: Names = without(AFTER_NAMES, "gate", "up", "down") | EXPERT_NAMES

FAMILY = Family(
    read=read,
    harmless_keys=(*EXPERT_KEYS, "sliding_window"),
    harmless_tensors=HARMLESS_TENSORS,
)
