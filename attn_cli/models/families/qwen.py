"""Qwen 2 and 3 (arXiv 2407.10671, 2505.09388): Llama's layers, in Qwen 3 with QK-norm; and their models with experts.

Qwen 2 also has a shared expert.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from attn_cli.models.families.llama import (
    HARMLESS_TENSORS,
    QK_NAMES,
    architecture,
    plain_layer,
    windowed,
)
from attn_cli.models.families.mixtral import EXPERT_KEYS, EXPERT_NAMES, experts
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, QKNorm
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    kind = config.word("model_type")
    config.assume({"sliding_window": 4096} | ASSUMED.get(kind, {}))
    config.must_be("use_mrope", False)
    layer = plain_layer(config)
    if kind.startswith("qwen3"):
        layer = replace(layer, qk_norm=QKNorm(layer.norm))
    if not config.flag("use_sliding_window", False):
        layers = windowed(config, layer, lambda number: False)
    else:
        first = config.get("max_window_layers", 28)
        layers = windowed(config, layer, lambda number: SLIDES[kind](number, first))
    if kind.endswith("_moe"):
        layers = _with_experts(config, layers)
    return architecture(config, layers, MOE_NAMES if kind.endswith("_moe") else QK_NAMES)


def _with_experts(config: Config, layers: tuple[LayerPlan, ...]) -> tuple[LayerPlan, ...]:
    """The layers with experts, except for those that the config excludes."""
    step, plain = config.whole("decoder_sparse_step", 1), config.get("mlp_only_layers", [])
    mlp, shared = experts(config, among=config.flag("norm_topk_prob", False)), layers[0].mlp
    if config.word("model_type") == "qwen2_moe":
        assert isinstance(shared, Gated)
        mlp = replace(mlp, shared=replace(shared, side="shared_"))
    return tuple(
        layer if number in plain or (number + 1) % step else replace(layer, mlp=mlp)
        for number, layer in enumerate(layers)
    )


ASSUMED: Mapping[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 128},
    "qwen2_moe": {"num_experts_per_tok": 4},
    "qwen3_moe": {"num_experts_per_tok": 8},
}
SLIDES: dict[str, Callable[[int, int], bool]] = {
    "qwen2": lambda number, first: number >= first,
    "qwen3": lambda number, first: number >= first,
    "qwen2_moe": lambda number, first: number % 2 == 0 and number < first,
    "qwen3_moe": lambda number, first: True,
}
"""Whether a layer has a sliding window, given its number and `max_window_layers`."""

MOE_NAMES: Names = {
    **QK_NAMES,
    **EXPERT_NAMES,
    **{f"shared_{name}": f"layers.{{i}}.mlp.shared_expert.{name}_proj" for name in ("gate", "up", "down")},
    "shared_switch": "layers.{i}.mlp.shared_expert_gate",
}

FAMILY = Family(
    read=read,
    harmless_keys=(*EXPERT_KEYS, "max_window_layers", "qkv_bias", "shared_expert_intermediate_size", "sliding_window"),
    harmless_tensors=HARMLESS_TENSORS,
)
