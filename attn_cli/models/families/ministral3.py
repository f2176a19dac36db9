"""Ministral 3 (Mistral AI 2025): Mistral's layers with queries scaled by position; and Mistral Small 3.

With images, both have an outer config around the config of the text model.
"""

from dataclasses import replace

from attn_cli.core.positions import QueryScaling
from attn_cli.models.families import mistral
from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    NAMES,
    architecture,
    plain_layer,
    window,
)
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import Unembedding
from attn_cli.models.network.weights import Names, Packed

GROWTH = "llama_4_scaling_beta"
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1e6,
    "factor": 16.0,
    "original_max_position_embeddings": 16384,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale_all_dim": 1.0,
    "mscale": 1.0,
    GROWTH: 0.1,
}


def read(config: Config) -> Architecture:
    if config.word("model_type") == "ministral3":
        return _third(config)
    text = config.part("text_config")
    text.must_be("model_type", "mistral", "ministral3")
    text.assume({"model_type": "mistral"})
    result = _third(text) if text.word("model_type") == "ministral3" else mistral.read(text)
    stack = replace(result.stacks[0], names=NAMES_WITH_IMAGES)
    # The outer config says whether embeddings are tied; the tensors show it.
    return Architecture((stack,), Unembedding(tied=False))


def _third(config: Config) -> Architecture:
    config.assume({"head_dim": 128, "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_scaling": YARN})
    layer = replace(plain_layer(config), mask=window(config), query_scaling=_tuning(config))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


def _tuning(config: Config) -> QueryScaling:
    """The query scaling in the rotary settings, which were read last."""
    settings = config.parts[-1]
    settings.get("max_position_embeddings", None)
    return QueryScaling(settings.number(GROWTH), settings.number("original_max_position_embeddings"))


NAMES_WITH_IMAGES: Names = {**NAMES, "unembed": Packed("/lm_head", others=("/language_model.lm_head",))}

FAMILY = Family(
    read=read,
    prefixes=("model.", "language_model.model.", "model.language_model.", ""),
    harmless_keys=(
        *HARMLESS_KEYS, "image_token_index", "multimodal_projector_bias", "projector_hidden_act", "sliding_window",
        "spatial_merge_size", "vision_config", "vision_feature_layer",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(model\.)?(vision_tower|multi_modal_projector)\..*"),
)  # fmt: skip
