"""EXAONE 4 (LG 2025, arXiv 2507.11407): norms after attention and MLP, and QK-norm.

With a sliding window, layers with the window have RoPE and the others have no positions.
"""

from dataclasses import replace

from attn_cli.models.families.llama import (
    HARMLESS_KEYS,
    HARMLESS_TENSORS,
    architecture,
    plain_layer,
    sliding_layers,
    window,
)
from attn_cli.models.families.olmo import AFTER_NAMES
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import QKNorm


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 32, "rms_norm_eps": 1e-5})
    if "sliding_window" not in config.values:
        config.assume({"sliding_window": 4096})
    plain = plain_layer(config)
    plain = replace(plain, norms=("after_attention", "after_mlp"), qk_norm=QKNorm(plain.norm))
    local = replace(plain, mask=window(config))
    full = plain if local.mask == plain.mask else replace(plain, rotary=None)
    return architecture(config, tuple(local if slides else full for slides in _slides(config)), AFTER_NAMES)


def _slides(config: Config) -> tuple[bool, ...]:
    """True for layers with a sliding window: listed in `layer_types`, or else all but every n-th."""
    if config.get("layer_types", None) is not None or config.get("sliding_window", None) is None:
        return sliding_layers(config, lambda number: False)
    every = config.whole("sliding_window_pattern", 4)
    return sliding_layers(config, lambda number: (number + 1) % every > 0)


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "sliding_window_pattern"),
    harmless_tensors=HARMLESS_TENSORS,
)
