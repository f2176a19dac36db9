"""Qwen 2 and 3 (arXiv 2407.10671, 2505.09388): Llama's layers, Qwen 3 with normed queries and keys."""

from dataclasses import replace

from attn_cli.core.masks import Causal
from attn_cli.models.config import Config
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
from attn_cli.models.plan import HeadNorm
from attn_cli.models.weights import Names


def read(config: Config) -> Architecture:
    third = config.word("model_type") == "qwen3"
    config.assume({"sliding_window": 4096} | ({"head_dim": 128} if third else {}))
    layer = plain_layer(config)
    layer = replace(layer, head_norm=HeadNorm(layer.norm) if third else None)
    config.must_be("use_mrope", False)
    first = config.get("max_window_layers", 28)
    windowed = config.flag("use_sliding_window", False)
    slides = sliding_layers(config, lambda number: windowed and number >= first)
    mask = window(config)
    layers = tuple(replace(layer, mask=mask if sliding else Causal()) for sliding in slides)
    return architecture(config, layers, names=QK_NAMES)


QK_NAMES: Names = NAMES | {name: f"layers.{{i}}.self_attn.{name}" for name in ("q_norm", "k_norm")}

FAMILY = Family(
    types=("qwen2", "qwen3"),
    read=read,
    harmless_keys=HARMLESS_KEYS,
    harmless_tensors=HARMLESS_TENSORS,
)
