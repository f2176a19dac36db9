"""GLM-4.5 to 4.7 (arXiv 2508.06471) and dots.llm1 (arXiv 2506.05767): Llama's attention, DeepSeek-V3's experts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attn_cli.models.families.deepseek import HARMLESS_KEYS, NEXT_BUT_ONE, SPARSE_NAMES, by_sigmoids, with_experts
from attn_cli.models.families.llama import HARMLESS_TENSORS, QK_NAMES, architecture, plain_layer, windowed
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import QKNorm
from attn_cli.models.network.weights import Names

ASSUMED: Mapping[str, dict[str, Any]] = {
    "glm4_moe": {
        "first_k_dense_replace": 1,
        "num_experts_per_tok": 8,
        "num_key_value_heads": 8,
        "partial_rotary_factor": 0.5,
        "rms_norm_eps": 1e-5,
    },
    "dots1": {
        "first_k_dense_replace": 0,
        "max_window_layers": 62,
        "norm_topk_prob": False,
        "num_key_value_heads": 32,
        "use_qk_norm": True,
    },
}


def read(config: Config) -> Architecture:
    config.assume(ASSUMED[config.word("model_type")])
    layer = plain_layer(config)
    if config.flag("use_qk_norm", False):
        layer = replace(layer, qk_norm=QKNorm(layer.norm))
    layers = (layer,) * config.whole("num_hidden_layers")
    if config.word("model_type") == "dots1":
        if "sliding_window" not in config.values:
            config.assume({"sliding_window": 4096})
        first = config.get("max_window_layers") if config.get("sliding_window", None) else len(layers)
        layers = windowed(config, layer, lambda number: number >= first)
    return architecture(config, with_experts(config, layers, by_sigmoids(config)), MOE_NAMES)


MOE_NAMES: Names = QK_NAMES | SPARSE_NAMES

FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "max_window_layers", "sliding_window"),
    harmless_tensors=(*HARMLESS_TENSORS, NEXT_BUT_ONE),
)
