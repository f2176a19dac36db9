"""gpt-oss (OpenAI 2025, arXiv 2508.10925): attention sinks, a sliding window in every other layer, clamped experts."""

from dataclasses import replace

from attn_cli.models.families.llama import (
    HARMLESS_TENSORS,
    architecture,
    plain_layer,
    windowed,
)
from attn_cli.models.families.mixtral import EXPERT_KEYS, FEEDLESS_NAMES
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.experts import Best, Experts
from attn_cli.models.network.mlp import Clamped
from attn_cli.models.network.weights import Names, Packed, every

YARN = {
    "rope_type": "yarn",
    "factor": 32.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 4096,
}


def read(config: Config) -> Architecture:
    config.assume(
        {"head_dim": 64, "rms_norm_eps": 1e-5, "rope_theta": 150000.0, "rope_scaling": YARN, "sliding_window": 128}
    )
    config.must_be("hidden_act", "silu")
    expert = Clamped(config.number("swiglu_alpha", 1.702), config.number("swiglu_limit", 7.0), "expert_")
    mlp = Experts(Best(config.whole("num_experts_per_tok", 4), among=True), expert)
    layer = replace(plain_layer(config), sinks=True, mlp=mlp)
    return architecture(config, windowed(config, layer, lambda number: number % 2 == 0), GPT_OSS_NAMES)


def _stacked(module: str, cut: int | None = None) -> Packed:
    """Stacked matrices of all experts, stored in × out; gate and up alternate in one matrix."""
    return Packed(
        module,
        cut=None if cut is None else every(2, cut),
        transposed=True,
        raw=True,
        bias=f"{module}_bias",
        stacked=True,
    )


GPT_OSS_NAMES: Names = {
    **FEEDLESS_NAMES,
    "sinks": Packed("layers.{i}.self_attn.sinks", raw=True),
    "router": "layers.{i}.mlp.router",
    "expert_gate": _stacked("layers.{i}.mlp.experts.gate_up_proj", 0),
    "expert_up": _stacked("layers.{i}.mlp.experts.gate_up_proj", 1),
    "expert_down": _stacked("layers.{i}.mlp.experts.down_proj"),
}

FAMILY = Family(
    read=read,
    harmless_keys=(*EXPERT_KEYS, "experts_per_token", "initial_context_length", "sliding_window"),
    harmless_tensors=HARMLESS_TENSORS,
)
