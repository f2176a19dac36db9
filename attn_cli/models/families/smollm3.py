"""SmolLM3 (Hugging Face 2025): Llama's layers, every fourth without positions."""

from dataclasses import replace

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer, windowed
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 4, "rope_theta": 2e6, "tie_word_embeddings": True})
    turns = turning(config)
    local = config.flag("use_sliding_window", False) and config.get("sliding_window", None) is not None
    layers = windowed(config, plain_layer(config), lambda number: local and not turns[number])
    return architecture(
        config,
        tuple(layer if turn else replace(layer, rotary=None) for turn, layer in zip(turns, layers, strict=True)),
    )


def turning(config: Config) -> tuple[bool, ...]:
    """Which layers rotate queries and keys: 1 in `no_rope_layers`, or all but every so manieth."""
    count, every = config.whole("num_hidden_layers"), config.whole("no_rope_layer_interval", 4)
    turns = config.get("no_rope_layers", None) or [int((number + 1) % every > 0) for number in range(count)]
    if not isinstance(turns, list) or len(turns) < count or not {*turns} <= {0, 1}:
        raise DocumentError(f"{config.where}: no_rope_layers: expected {count} times 0 or 1", hint="mend config.json")
    return tuple(turn == 1 for turn in turns[:count])


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "max_window_layers"),
    harmless_tensors=HARMLESS_TENSORS,
)
