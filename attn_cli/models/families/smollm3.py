"""SmolLM3 (Hugging Face 2025): Llama's layers, every fourth one without positions."""

from dataclasses import replace

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer, windowed
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 4, "rope_theta": 2e6, "tie_word_embeddings": True})
    rotates = rotating(config)
    local = config.flag("use_sliding_window", False) and config.get("sliding_window", None) is not None
    layers = windowed(config, plain_layer(config), lambda number: local and not rotates[number])
    return architecture(
        config,
        tuple(
            layer if rotates_here else replace(layer, rotary=None)
            for rotates_here, layer in zip(rotates, layers, strict=True)
        ),
    )


def rotating(config: Config) -> tuple[bool, ...]:
    """True for layers with RoPE: 1 in `no_rope_layers`, or else all but every n-th layer."""
    count, every = config.whole("num_hidden_layers"), config.whole("no_rope_layer_interval", 4)
    rotates = config.get("no_rope_layers", None) or [int((number + 1) % every > 0) for number in range(count)]
    if not isinstance(rotates, list) or len(rotates) < count or not {*rotates} <= {0, 1}:
        raise DocumentError(
            f"{config.where}: no_rope_layers: expected {count} times 0 or 1", hint="correct config.json"
        )
    return tuple(rotates_here == 1 for rotates_here in rotates[:count])


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "max_window_layers"),
    harmless_tensors=HARMLESS_TENSORS,
)
