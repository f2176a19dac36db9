"""ERNIE 4.5 (Baidu 2025) and Helium (Kyutai 2025): Llama's layers with interleaved RoPE."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.rope_config import rotary

ASSUMED: Mapping[str, dict[str, Any]] = {
    "ernie4_5": {
        "head_dim": 128,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_theta": 5e5,
        "tie_word_embeddings": True,
    },
    "helium": {"head_dim": 128, "num_key_value_heads": 20, "rms_norm_eps": 1e-8, "rope_theta": 1e5},
}


def read(config: Config) -> Architecture:
    layer = plain_layer(config.assume(ASSUMED[config.word("model_type")]))
    layer = replace(layer, rotary=rotary(config, layer.d_k, style="interleaved"))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "use_bias"),
    harmless_tensors=HARMLESS_TENSORS,
)
