"""DeepSeek-V2, V3 and R1 (arXiv 2405.04434, 2412.19437): multi-head latent attention, experts in groups.

All tokens share one more expert. V2 chooses experts by softmax, V3 and GLM-4.7-Flash (arXiv 2508.06471) by sigmoids
and a correction.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import HARMLESS_TENSORS, NAMES, architecture, kinds_of_layers, plain_layer, without
from attn_cli.models.families.mixtral import EXPERT_KEYS, EXPERT_NAMES
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.experts import Best, Experts, Route, Sigmoids
from attn_cli.models.network.latent import Latent
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed

ASSUMED: Mapping[str, dict[str, Any]] = {
    "deepseek_v2": {"first_k_dense_replace": 0},
    "deepseek_v3": {"num_experts_per_tok": 8, "n_group": 8, "topk_group": 4, "routed_scaling_factor": 2.5},
    "glm4_moe_lite": {
        "first_k_dense_replace": 1,
        "num_experts_per_tok": 4,
        "qk_nope_head_dim": 192,
        "rms_norm_eps": 1e-5,
        "routed_scaling_factor": 1.8,
        "v_head_dim": 256,
    },
}


def read(config: Config) -> Architecture:
    kind = config.word("model_type")
    config.assume(ASSUMED[kind])
    plain, rotated = config.whole("qk_nope_head_dim", 128), config.whole("qk_rope_head_dim", 64)
    layer = plain_layer(config.assume({"head_dim": rotated}))
    d_v, width = config.whole("v_head_dim", 128), plain + rotated
    interleaved = kind == "deepseek_v2" or config.flag("rope_interleave", True)
    style: Literal["interleaved", "half"] = "interleaved" if interleaved else "half"
    layer = replace(
        layer,
        kv_heads=layer.heads,
        d_k=width,
        d_v=d_v,
        scale="sqrt" if (factor := _scale_factor(config)) == 1 else factor / math.sqrt(width),
        rotary=rotary(config, width, style=style, dim=rotated),
        projecting=Latent(Norm("rms", 1e-6), layer.heads, rotated, plain, d_v),
    )
    route = by_softmax(config) if kind == "deepseek_v2" else by_sigmoids(config)
    layers = with_experts(config, (layer,) * config.whole("num_hidden_layers"), route)
    return architecture(config, layers, LATENT_NAMES)


def with_experts(config: Config, layers: tuple[LayerPlan, ...], route: Route) -> tuple[LayerPlan, ...]:
    """The layers with experts, and one shared expert, except for the first few layers."""
    config.must_be("moe_layer_freq", 1)
    first = config.get("first_k_dense_replace", 3)
    default = [DENSE if number < first else SPARSE for number in range(len(layers))]
    kinds = kinds_of_layers(config, "mlp_layer_types", default, (DENSE, SPARSE))
    expert = layers[0].mlp
    assert isinstance(expert, Gated)
    mlp = Experts(route, replace(expert, side="expert_"), replace(expert, side="shared_"))
    return tuple(
        replace(layer, mlp=mlp) if kind == SPARSE else layer for layer, kind in zip(layers, kinds, strict=True)
    )


def by_softmax(config: Config) -> Route:
    """The route of V2: the experts with the highest softmax, with or without groups."""
    config.must_be("scoring_func", "softmax")
    config.must_be("topk_method", "greedy", "group_limited_greedy")
    config.must_be("norm_topk_prob", False)
    groups, kept = config.whole("n_group", 1), config.whole("topk_group", 1)
    limited = config.word("topk_method", "greedy") == "group_limited_greedy"
    return Best(
        config.whole("num_experts_per_tok"),
        groups=groups if limited else 1,
        kept=kept,
        factor=config.number("routed_scaling_factor", 1.0),
    )


def by_sigmoids(config: Config) -> Route:
    """The route of V3: the experts with the highest sigmoid plus correction."""
    config.must_be("scoring_func", "sigmoid")
    config.must_be("topk_method", "noaux_tc")
    return Sigmoids(
        config.whole("num_experts_per_tok"),
        groups=config.whole("n_group", 1),
        kept=config.whole("topk_group", 1),
        among=config.flag("norm_topk_prob", True),
        factor=config.number("routed_scaling_factor", 1.0),
    )


def _scale_factor(config: Config) -> float:
    """YaRN's factor of the scores, besides 1/√d_k; 1 if positions are not scaled."""
    settings = config.values.get("rope_parameters") or config.values.get("rope_scaling") or {}
    kind = settings.get("rope_type") or settings.get("type") or "default"
    factor, by = settings.get("factor", 1), settings.get("mscale_all_dim", 0)
    return (0.1 * by * math.log(factor) + 1) ** 2 if kind != "default" and by and factor > 1 else 1.0


DENSE, SPARSE = "dense", "sparse"

_ATTENTION = "layers.{i}.self_attn."
SPARSE_NAMES: Names = {
    **EXPERT_NAMES,
    "correction": Packed("layers.{i}.mlp.gate.e_score_correction_bias", raw=True),
    **{f"shared_{name}": f"layers.{{i}}.mlp.shared_experts.{name}_proj" for name in ("gate", "up", "down")},
}
LATENT_NAMES: Names = {
    **without(NAMES, "q", "k", "v"),
    **SPARSE_NAMES,
    "q": Packed(f"{_ATTENTION}q_b_proj", others=(f"{_ATTENTION}q_proj",)),
    "q_down": f"{_ATTENTION}q_a_proj",
    "q_down_norm": f"{_ATTENTION}q_a_layernorm",
    "kv": f"{_ATTENTION}kv_b_proj",
    "kv_down": f"{_ATTENTION}kv_a_proj_with_mqa",
    "kv_down_norm": f"{_ATTENTION}kv_a_layernorm",
}

# Tensors of an extra layer that predicts the token after the next.
NEXT_BUT_ONE = r"model\.layers\.\d+\.(eh_proj|enorm|hnorm|embed_tokens|shared_head\..*)\.weight"

HARMLESS_KEYS = (
    *EXPERT_KEYS, "aux_loss_alpha", "ep_size", "kv_lora_rank", "n_routed_experts", "n_shared_experts",
    "num_mtp_layers", "num_nextn_predict_layers", "q_lora_rank", "qk_head_dim", "seq_aux",
)  # fmt: skip

FAMILY = Family(
    read=read,
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=(*HARMLESS_TENSORS, NEXT_BUT_ONE),
)
