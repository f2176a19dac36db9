"""Hybrid models, in which some layers are recurrent instead of attending: which layers attend, by the config."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import LAYERS, Config

Attending = Callable[[Config, int], Sequence[bool] | None]
"""From a config and its number of layers to True for layers that attend; None if the config does not say."""

ATTENDING = frozenset(("attention", "full_attention", "sliding_attention", "local_attention", "hybrid", "*"))
"""The names of layers that attend in configs; other layers are recurrent or convolutional."""
PURE = ("falcon_mamba", "mamba", "mamba2", "rwkv", "rwkv5", "rwkv6", "rwkv7", "xlstm")
"""Models without attention."""


def _by_types(config: Config, layers: int) -> Sequence[bool] | None:
    """From a list of the kind of each layer, under any of its usual keys."""
    for key in ("layer_types", "layers_block_type", "block_types"):
        kinds = config.get(key, None)
        if isinstance(kinds, list) and kinds:
            return [kinds[number % len(kinds)] in ATTENDING for number in range(layers)]
    return None


def _by_period(key: str, period: int, offset_key: str = "", offset: int | None = None) -> Attending:
    """One layer of every period attends: the last, or the one at an offset."""

    def attending(config: Config, layers: int) -> Sequence[bool] | None:
        every = config.whole(key, period)
        at = config.get(offset_key, offset) if offset_key else every - 1
        return [number % every == at for number in range(layers)]

    return attending


def _by_letters(config: Config, layers: int) -> Sequence[bool] | None:
    """From a string with a letter for each layer: M is recurrent, * attends, - is only an MLP."""
    letters = config.word("hybrid_override_pattern", None)
    return None if letters is None else [letter == "*" for letter in letters if letter in "M*-E"]


def _by_indices(config: Config, layers: int) -> Sequence[bool] | None:
    """From a list of the layers that attend."""
    numbers = config.get("attn_layer_indices", config.get("full_attn_idxs", None))
    return None if not isinstance(numbers, list) else [number in numbers for number in range(layers)]


def _by_linear_config(config: Config, layers: int) -> Sequence[bool] | None:
    """From Kimi's list of the layers that attend, counted from 1."""
    numbers = config.part("linear_attn_config").get("full_attn_layers", None)
    return None if not isinstance(numbers, list) else [number + 1 in numbers for number in range(layers)]


def _by_ones(config: Config, layers: int) -> Sequence[bool] | None:
    """From a list of ones for layers that attend and zeros for others."""
    kinds = config.get("attn_type_list", None)
    return None if not isinstance(kinds, list) else [kind == 1 for kind in kinds]


def _all(config: Config, layers: int) -> Sequence[bool]:
    return [True] * layers


HYBRIDS: Mapping[str, tuple[Attending, ...]] = MappingProxyType(
    {
        "bamba": (_by_types, _by_indices),
        "falcon_h1": (_all,),
        "granitemoehybrid": (_by_types,),
        "jamba": (_by_types, _by_period("attn_layer_period", 8, "attn_layer_offset", 4)),
        "kimi_linear": (_by_linear_config, _by_types),
        "lfm2": (_by_types, _by_indices),
        "lfm2_moe": (_by_types, _by_indices),
        "minimax": (_by_types, _by_ones),
        "nemotron_h": (_by_letters, _by_types),
        "olmo_hybrid": (_by_types, _by_period("full_attention_interval", 4)),
        "qwen3_5": (_by_types, _by_period("full_attention_interval", 4)),
        "qwen3_5_moe": (_by_types, _by_period("full_attention_interval", 4)),
        "qwen3_5_moe_text": (_by_types, _by_period("full_attention_interval", 4)),
        "qwen3_5_text": (_by_types, _by_period("full_attention_interval", 4)),
        "qwen3_next": (_by_types, _by_period("full_attention_interval", 4)),
        "recurrent_gemma": (_by_types,),
        "zamba": (_by_types, _by_period("attn_layer_period", 6, "attn_layer_offset", 4)),
        "zamba2": (_by_types,),
    }
)
"""`model_type` → the rules that find the layers that attend; the first that applies is used."""
SIDE_BY_SIDE = ("falcon_h1",)
"""Models in which each layer adds up attention and a recurrent part."""


def hybrid_error(config: Config, kind: str) -> DocumentError | None:
    """The error for a model with layers that do not attend, which lists those that do; None for any other model."""
    hint = "choose a model whose layers all attend, such as gpt2, llama or qwen3"
    if kind in PURE:
        return DocumentError(f"{config.where}: {kind!r} has no attention: all its layers are recurrent", hint=hint)
    text = config.part("text_config") if isinstance(config.values.get("text_config"), dict) else config
    kind = str(text.values.get("model_type", kind)) if text.values.get("model_type") in HYBRIDS else kind
    if kind not in HYBRIDS and not _mixes(text):
        return None
    attending = _attending(text, kind)
    if kind in SIDE_BY_SIDE:
        description = f"each of its {len(attending)} layers has attention and a recurrent part, side by side"
    elif attending and any(attending):
        description = f"of its {len(attending)} layers {_numbers(attending)} attend, the others are recurrent"
    else:
        description = "some of its layers attend, others are recurrent"
    return DocumentError(f"{config.where}: {kind!r} is a hybrid: {description}, which attn does not compute", hint=hint)


def _mixes(config: Config) -> bool:
    """Whether a config lists layers of which only some attend."""
    attending = _by_types(config, 1) is not None and _attending(config, "")
    return bool(attending) and not all(attending or ())


def _attending(config: Config, kind: str) -> Sequence[bool]:
    """True for layers that attend; empty if the config does not say."""
    keys = ("num_hidden_layers", "n_layer", "num_layers")
    layers = next((config.values[key] for key in keys if isinstance(config.values.get(key), int)), 0)
    if not 0 < layers <= LAYERS:
        return ()
    for rule in HYBRIDS.get(kind, (_by_types,)):
        try:
            attending = rule(config, layers)
        except DocumentError:  # a value of the wrong type: try the next rule
            continue
        if attending:
            return attending
    return ()


def _numbers(attending: Sequence[bool]) -> str:
    """The numbers of the layers that attend; of many, the first few and the last."""
    numbers = [number for number, attends in enumerate(attending) if attends]
    if len(numbers) > 6:
        return f"{', '.join(map(str, numbers[:3]))} … {numbers[-1]} ({len(numbers)} in all)"
    return ", ".join(map(str, numbers))
