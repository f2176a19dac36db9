"""Gemma 1 to 3 (arXiv 2403.08295, 2408.00118, 2503.19786): Llama's layers with wide heads and norms stored minus 1.

Gemma 2 has softcaps on scores and logits, norms after attention and MLP, and a sliding window in every other layer.
Gemma 3 has QK-norm instead of the softcap on scores, and another rotary base in layers with a window.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attn_cli.core.masks import Local, NoMask, Sliding
from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import (
    FULL,
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    QK_NAMES,
    SLIDING,
    plain_layer,
    sliding_layers,
    windowed,
)
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, QKNorm, StackPlan, Unembedding
from attn_cli.models.network.rope_config import rotary

LATER = {
    "hidden_activation": "gelu_pytorch_tanh",
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}
ASSUMED: Mapping[str, dict[str, Any]] = {
    "gemma2": LATER | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    "gemma3_text": LATER | {"rope_theta": 1e6, "rope_local_base_freq": 1e4},
}
"""Defaults for missing keys; configs of Gemma 3 with images omit many keys of the text model."""


def read(config: Config) -> Architecture:
    text = config.part("text_config") if config.word("model_type") == "gemma3" else config
    kind = "gemma3_text" if text is not config else config.word("model_type")
    text.assume({"head_dim": 256, "tie_word_embeddings": True} | ASSUMED.get(kind, {}))
    layers = LAYERS[kind](text)
    stack = StackPlan(
        layers=layers,
        names=QK_NAMES if kind == "gemma" else LATER_NAMES,
        embed_scale=text.whole("hidden_size") ** 0.5,
        final_norm=layers[0].norm,
        max_positions=text.whole("max_position_embeddings", None),
    )
    softcap = text.number("final_logit_softcapping", None)
    return Architecture((stack,), Unembedding(tied=text.flag("tie_word_embeddings", True), softcap=softcap))


def _layer(config: Config, kind: str | None = None) -> LayerPlan:
    act = config.word("hidden_act", "gelu")
    act = config.word("hidden_activation", None) or ("gelu_pytorch_tanh" if act == "gelu" else act)
    norm = Norm("rms", config.number("rms_norm_eps", 1e-6), plus_one=True)
    return replace(plain_layer(config, kind), norm=norm, mlp=Gated(activation(act)))


def _later_layer(config: Config, kind: str | None = None) -> LayerPlan:
    return replace(
        _layer(config, kind),
        norms=("before_attention", "after_attention", "before_mlp", "after_mlp"),
        scale=float(config.number("query_pre_attn_scalar") ** -0.5),
    )


def _first(config: Config) -> tuple[LayerPlan, ...]:
    config.must_be("use_bidirectional_attention", False)
    return tuple(_layer(config) for _ in range(config.whole("num_hidden_layers")))


def _second(config: Config) -> tuple[LayerPlan, ...]:
    config.must_be("use_bidirectional_attention", False)
    layer = replace(_later_layer(config), softcap=config.number("attn_logit_softcapping", None))
    return windowed(config, layer, lambda number: number % 2 == 0)


def _third(config: Config) -> tuple[LayerPlan, ...]:
    config.must_be("attn_logit_softcapping", None)
    layer = _later_layer(config, FULL)
    layer = replace(layer, qk_norm=QKNorm(layer.norm))
    local_base = None if config.values.get("rope_parameters") else config.number("rope_local_base_freq")
    window = config.whole("sliding_window")
    every = config.whole("sliding_window_pattern", config.whole("_sliding_window_pattern", 6))
    both_ways = config.flag("use_bidirectional_attention", False)
    local = replace(
        layer,
        mask=Local(window // 2 + 1) if both_ways else Sliding(window),
        rotary=rotary(config, layer.d_k, SLIDING, base=local_base),
    )
    layer = replace(layer, mask=NoMask()) if both_ways else layer
    return tuple(
        local if slides else layer for slides in sliding_layers(config, lambda number: (number + 1) % every > 0)
    )


LAYERS = {"gemma": _first, "gemma2": _second, "gemma3_text": _third}

LATER_NAMES = QK_NAMES | {
    "after_attention": "layers.{i}.post_attention_layernorm",
    "before_mlp": "layers.{i}.pre_feedforward_layernorm",
    "after_mlp": "layers.{i}.post_feedforward_layernorm",
}

FAMILY = Family(
    read=read,
    prefixes=("model.", "model.language_model.", "language_model.model.", ""),
    harmless_keys=(
        *HARMLESS_KEYS, "boi_token_index", "cache_implementation", "eoi_token_index", "image_token_id",
        "image_token_index", "mm_tokens_per_image", "sliding_window", "sliding_window_size", "vision_config",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(model\.)?(vision_tower|multi_modal_projector)\..*"),
)  # fmt: skip
