"""Mixtral (Jiang et al. 2024, arXiv 2401.04088): Mistral's layers with experts, two per token."""

from dataclasses import replace

from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    NAMES,
    architecture,
    plain_layer,
    window,
    without,
)
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.experts import Best, Experts
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.weights import Packed


def experts(config: Config, *, among: bool) -> Experts:
    """Gated experts, `num_experts_per_tok` per token; with `among`, the shares of the chosen ones sum to 1."""
    route = Best(config.whole("num_experts_per_tok"), among)
    return Experts(route, Gated(activation(config.word("hidden_act", "silu")), "expert_"))


def read(config: Config) -> Architecture:
    config.assume({"rms_norm_eps": 1e-5, "rope_theta": 1e6, "num_key_value_heads": 8, "num_experts_per_tok": 2})
    layer = replace(plain_layer(config), mask=window(config), mlp=experts(config, among=True))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), MIXTRAL_NAMES)


FEEDLESS_NAMES = without(NAMES, "gate", "up", "down")
MIXTRAL_NAMES = FEEDLESS_NAMES | {
    "router": "layers.{i}.block_sparse_moe.gate",
    "expert_gate": "layers.{i}.block_sparse_moe.experts.{e}.w1",
    "expert_down": "layers.{i}.block_sparse_moe.experts.{e}.w2",
    "expert_up": "layers.{i}.block_sparse_moe.experts.{e}.w3",
}
EXPERT_NAMES: dict[str, str | Packed] = {
    "router": "layers.{i}.mlp.gate",
    **{f"expert_{name}": f"layers.{{i}}.mlp.experts.{{e}}.{name}_proj" for name in ("gate", "up", "down")},
}
"""The names of experts in most later families."""

# The router shows the number of experts.
EXPERT_KEYS = (
    *HARMLESS_KEYS, "moe_intermediate_size", "num_experts", "num_local_experts", "output_router_logits",
    "router_aux_loss_coef", "router_jitter_noise",
)  # fmt: skip

FAMILY = Family(read=read, harmless_keys=EXPERT_KEYS, harmless_tensors=HARMLESS_TENSORS)
