"""DeepSeek-V3 and R1 (arXiv 2412.19437): keys and values from a compressed vector, experts in groups, one shared."""

import math
from dataclasses import replace
from typing import Literal

from attn_cli.models.arithmetic import Norm
from attn_cli.models.config import Config
from attn_cli.models.experts import Experts, Sigmoids
from attn_cli.models.families.llama import HARMLESS_TENSORS, NAMES, architecture, plain_layer, without
from attn_cli.models.families.mixtral import EXPERT_KEYS, EXPERT_NAMES
from attn_cli.models.family import Architecture, Family
from attn_cli.models.feed import Gated
from attn_cli.models.latent import Latent
from attn_cli.models.ropes import rotary
from attn_cli.models.weights import Names, Part


def read(config: Config) -> Architecture:
    for key, value in {"moe_layer_freq": 1, "scoring_func": "sigmoid", "topk_method": "noaux_tc"}.items():
        config.must_be(key, value)
    plain, turned = config.whole("qk_nope_head_dim", 128), config.whole("qk_rope_head_dim", 64)
    layer = plain_layer(config.assume({"head_dim": turned}))
    d_v, width = config.whole("v_head_dim", 128), plain + turned
    style: Literal["interleaved", "half"] = "interleaved" if config.flag("rope_interleave", True) else "half"
    layer = replace(
        layer,
        kv_heads=layer.heads,
        d_k=width,
        d_v=d_v,
        scale="sqrt" if (stretched := _stretched(config)) == 1 else stretched / math.sqrt(width),
        rotary=rotary(config, width, style=style, dim=turned),
        projecting=Latent(Norm("rms", 1e-6), layer.heads, turned, plain, d_v),
    )
    expert = layer.feed
    assert isinstance(expert, Gated)
    route = Sigmoids(
        config.whole("num_experts_per_tok", 8),
        groups=config.whole("n_group", 8),
        kept=config.whole("topk_group", 4),
        among=config.flag("norm_topk_prob", True),
        factor=config.number("routed_scaling_factor", 2.5),
    )
    sparse = replace(layer, feed=Experts(route, replace(expert, side="expert_"), replace(expert, side="shared_")))
    count, first = config.whole("num_hidden_layers"), config.get("first_k_dense_replace", 3)
    return architecture(config, tuple(layer if number < first else sparse for number in range(count)), LATENT_NAMES)


def _stretched(config: Config) -> float:
    """What scores are multiplied with besides, where positions are stretched."""
    settings = config.values.get("rope_parameters") or config.values.get("rope_scaling") or {}
    kind = settings.get("rope_type") or settings.get("type") or "default"
    factor, by = settings.get("factor", 1), settings.get("mscale_all_dim", 0)
    return (0.1 * by * math.log(factor) + 1) ** 2 if kind != "default" and by and factor > 1 else 1.0


_ATTENTION = "layers.{i}.self_attn."
LATENT_NAMES: Names = {
    **without(NAMES, "q", "k", "v"),
    **EXPERT_NAMES,
    "q": Part(f"{_ATTENTION}q_b_proj", others=(f"{_ATTENTION}q_proj",)),
    "q_down": f"{_ATTENTION}q_a_proj",
    "q_down_norm": f"{_ATTENTION}q_a_layernorm",
    "kv": f"{_ATTENTION}kv_b_proj",
    "kv_down": f"{_ATTENTION}kv_a_proj_with_mqa",
    "kv_down_norm": f"{_ATTENTION}kv_a_layernorm",
    "correction": Part("layers.{i}.mlp.gate.e_score_correction_bias", raw=True),
    **{f"shared_{name}": f"layers.{{i}}.mlp.shared_experts.{name}_proj" for name in ("gate", "up", "down")},
}

# Of a layer after the last, which predicts the token after the next.
NEXT_BUT_ONE = r"model\.layers\.\d+\.(eh_proj|enorm|hnorm|embed_tokens|shared_head\..*)\.weight"

FAMILY = Family(
    types=("deepseek_v3",),
    read=read,
    harmless_keys=(
        *EXPERT_KEYS, "aux_loss_alpha", "ep_size", "kv_lora_rank", "n_routed_experts", "n_shared_experts",
        "num_mtp_layers", "num_nextn_predict_layers", "q_lora_rank", "qk_head_dim", "seq_aux",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, NEXT_BUT_ONE),
)  # fmt: skip
