"""EXAONE 3 and 3.5 (LG 2024, arXiv 2408.03541, 2412.04862): Llama's layers with names like GPT-2's."""

from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.weights import Names

ALIASES = {
    "activation_function": "hidden_act",
    "layer_norm_epsilon": "rms_norm_eps",
    "num_layers": "num_hidden_layers",
}
"""EXAONE's config keys → the usual keys."""


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 5e5})
    values = {usual: config.get(key, None) for key, usual in ALIASES.items()}
    config.assume({usual: value for usual, value in values.items() if value is not None})
    layer = plain_layer(config)
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), EXAONE_NAMES)


_ATTENTION = "h.{i}.attn.attention."
EXAONE_NAMES: Names = {
    "embed": "wte",
    "before_attention": "h.{i}.ln_1",
    **{name: f"{_ATTENTION}{name}_proj" for name in "qkv"},
    "o": f"{_ATTENTION}out_proj",
    "before_mlp": "h.{i}.ln_2",
    "gate": "h.{i}.mlp.c_fc_0",
    "up": "h.{i}.mlp.c_fc_1",
    "down": "h.{i}.mlp.c_proj",
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(*HARMLESS_KEYS, "embed_dropout"),
    harmless_tensors=(*HARMLESS_TENSORS, r".*\.rotary\.inv_freq"),
)
