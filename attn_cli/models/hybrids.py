"""Models whose layers, or some of them, carry a state along instead of attending: which layers do, by the config."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import LAYERS, Config

Attending = Callable[[Config, int], Sequence[bool] | None]
"""Which of so many layers attend, None if the config does not say."""

ATTENDING = frozenset(("attention", "full_attention", "sliding_attention", "local_attention", "hybrid", "*"))
"""What configs call a layer that attends; anything else carries a state or convolves."""
PURE = ("falcon_mamba", "mamba", "mamba2", "rwkv", "rwkv5", "rwkv6", "rwkv7", "xlstm")
"""Models of which no layer attends."""


def _by_types(config: Config, layers: int) -> Sequence[bool] | None:
    """A list with a kind for each layer, under one of the names that configs have for it."""
    for key in ("layer_types", "layers_block_type", "block_types"):
        kinds = config.get(key, None)
        if isinstance(kinds, list) and kinds:
            return [kinds[number % len(kinds)] in ATTENDING for number in range(layers)]
    return None


def _by_period(key: str, period: int, offset_key: str = "", offset: int | None = None) -> Attending:
    """One layer out of every few: the last of them, or the one at an offset."""

    def attending(config: Config, layers: int) -> Sequence[bool] | None:
        every = config.whole(key, period)
        at = config.get(offset_key, offset) if offset_key else every - 1
        return [number % every == at for number in range(layers)]

    return attending


def _by_letters(config: Config, layers: int) -> Sequence[bool] | None:
    """A string with a letter for each layer: M carries a state, * attends, - is an MLP alone."""
    letters = config.word("hybrid_override_pattern", None)
    return None if letters is None else [letter == "*" for letter in letters if letter in "M*-E"]


def _by_indices(config: Config, layers: int) -> Sequence[bool] | None:
    """The numbers of the layers that attend."""
    numbers = config.get("attn_layer_indices", config.get("full_attn_idxs", None))
    return None if not isinstance(numbers, list) else [number in numbers for number in range(layers)]


def _by_linear_config(config: Config, layers: int) -> Sequence[bool] | None:
    """Kimi's list of the layers that attend, counted from 1."""
    numbers = config.part("linear_attn_config").get("full_attn_layers", None)
    return None if not isinstance(numbers, list) else [number + 1 in numbers for number in range(layers)]


def _by_ones(config: Config, layers: int) -> Sequence[bool] | None:
    """A list of ones for layers that attend and zeros for others."""
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
"""`model_type` → what may tell which of its layers attend, in the order in which it is asked."""
SIDE_BY_SIDE = ("falcon_h1",)
"""Models of which each layer does both, and adds up what they give."""


def hybrid_error(config: Config, kind: str) -> DocumentError | None:
    """The error for a model with layers that do not attend: says which do; None for any other model."""
    hint = "choose a model whose layers all attend, such as gpt2, llama or qwen3"
    if kind in PURE:
        return DocumentError(
            f"{config.where}: {kind!r} has no attention: each of its layers carries a state along", hint=hint
        )
    text = config.part("text_config") if isinstance(config.values.get("text_config"), dict) else config
    kind = str(text.values.get("model_type", kind)) if text.values.get("model_type") in HYBRIDS else kind
    if kind not in HYBRIDS and not _mixes(text):
        return None
    attending = _attending(text, kind)
    if kind in SIDE_BY_SIDE:
        what = f"each of its {len(attending)} layers attends and carries a state along, side by side"
    elif attending and any(attending):
        what = f"of its {len(attending)} layers {_numbers(attending)} attend, the others carry a state along"
    else:
        what = "some of its layers attend, others carry a state along"
    return DocumentError(f"{config.where}: {kind!r} is a hybrid: {what}, which attn does not compute", hint=hint)


def _mixes(config: Config) -> bool:
    """Whether a config lists kinds of layers of which only some attend."""
    attending = _by_types(config, 1) is not None and _attending(config, "")
    return bool(attending) and not all(attending or ())


def _attending(config: Config, kind: str) -> Sequence[bool]:
    """Which layers attend, as far as the config says."""
    keys = ("num_hidden_layers", "n_layer", "num_layers")
    layers = next((config.values[key] for key in keys if isinstance(config.values.get(key), int)), 0)
    if not 0 < layers <= LAYERS:
        return ()
    for rule in HYBRIDS.get(kind, (_by_types,)):
        try:
            attending = rule(config, layers)
        except DocumentError:  # a value of another kind: the next rule may know
            continue
        if attending:
            return attending
    return ()


def _numbers(attending: Sequence[bool]) -> str:
    """The numbers of the layers that attend, the first few and the last of many."""
    numbers = [number for number, attends in enumerate(attending) if attends]
    if len(numbers) > 6:
        return f"{', '.join(map(str, numbers[:3]))} … {numbers[-1]} ({len(numbers)} in all)"
    return ", ".join(map(str, numbers))
