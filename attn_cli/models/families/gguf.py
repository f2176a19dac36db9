"""What llama.cpp calls the families of its GGUF files, and what its converter changes in their tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.config import Config
from attn_cli.models.families.llama import FULL, SLIDING
from attn_cli.models.plan import LayerPlan
from attn_cli.trace.trace import Array

Undo = Callable[[Array], Array]
"""From a tensor as llama.cpp keeps it to the tensor that it was converted from."""
Values = dict[str, Any]


def _nothing_more(said: Config, values: Values) -> Values:
    return {}


def _as_it_is(name: str, plan: LayerPlan) -> Undo | None:
    return None


@dataclass(frozen=True, eq=False)
class Twin:
    """An architecture of llama.cpp, and the `model_type` that it is read as.

    `keys` are its keys and those of config.json; `more` gives those that are no mere renaming. `undo` takes our name
    of a module and the plan of its layer.
    """

    name: str
    model_type: str
    keys: Mapping[str, str]
    more: Callable[[Config, Values], Values] = _nothing_more
    undo: Callable[[str, LayerPlan], Undo | None] = _as_it_is
    rotary: bool = True
    causal: bool = True


def _window(said: Config, values: Values) -> Values:
    """A window makes it Mistral, which llama.cpp does not tell apart."""
    window = said.get("attention.sliding_window", 0)
    return {"model_type": "mistral", "sliding_window": window} if window else {}


def _maybe_window(said: Config, values: Values) -> Values:
    """A window of 0 is none."""
    return {"sliding_window": said.get("attention.sliding_window", 0) or None}


def _windows(said: Config, values: Values, period: int) -> Values:
    """The layers with a window, out of each `period` all but the last; and a scale that the largest models have."""
    window = said.get("attention.sliding_window", 0)
    pattern = said.get("attention.sliding_window_pattern", period)
    layers = values["num_hidden_layers"]
    if isinstance(pattern, int):
        pattern = [number % pattern < pattern - 1 for number in range(layers)] if pattern else [True] * layers
    largest = (values["model_type"], layers) in LARGEST
    width = values["hidden_size"] // values["num_attention_heads"] if largest else values["head_dim"]
    kinds = [SLIDING if slides and window else FULL for slides in pattern]
    more: Values = {"query_pre_attn_scalar": width, "layer_types": kinds}
    return more | ({"sliding_window": window} if window else {}) | _softcaps(said)


def _softcaps(said: Config) -> Values:
    keys = ("attn_logit_softcapping", "final_logit_softcapping")
    return {key: said.number(key) for key in keys if key in said.values}


def _gemma2(said: Config, values: Values) -> Values:
    said.assume({"attention.sliding_window": 4096})
    return _windows(said, values, 2)


def _gemma3(said: Config, values: Values) -> Values:
    local = {"rope_local_base_freq": said.number("rope.freq_base_swa", 10000.0)}
    return _windows(said, values, 6) | local


LARGEST = {("gemma2", 46), ("gemma3_text", 62)}
"""Those whose scale goes by d_model, not by the width of heads (27 billion parameters)."""


def _unpermuted(name: str, plan: LayerPlan) -> Undo | None:
    """Rows of each head that alternate between the two halves, set one half after the other again."""
    heads = {"q": plan.heads, "k": plan.kv_heads}.get(name)
    if heads is None:
        return None

    def undo(array: Array) -> Array:
        try:
            pairs = array.reshape(heads, -1, 2, *array.shape[1:])
        except ValueError as error:
            raise DocumentError(
                f"{name.upper()}'s matrix has {len(array)} rows, which {heads} heads cannot share in pairs",
                hint="the file contradicts itself: convert it again",
            ) from error
        return pairs.swapaxes(1, 2).reshape(array.shape)

    return undo


def _around_zero(name: str, plan: LayerPlan) -> Undo | None:
    """Norms with 1 added, which the family adds itself."""
    return _less_one if name.endswith("norm") or name.startswith(("before_", "after_")) else None


def _less_one(array: Array) -> Array:
    return array - np.float32(1)


_ANY = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "attention.head_count": "num_attention_heads",
}
KEYS = _ANY | {
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "context_length": "max_position_embeddings",
    "rope.freq_base": "rope_theta",
}
STARCODER = {**KEYS, "attention.layer_norm_epsilon": "norm_epsilon"}
BERT = _ANY | {"attention.layer_norm_epsilon": "layer_norm_eps", "context_length": "max_position_embeddings"}
GPT2 = {
    "block_count": "n_layer",
    "embedding_length": "n_embd",
    "attention.head_count": "n_head",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
    "context_length": "n_positions",
}

TWINS: Mapping[str, Twin] = MappingProxyType(
    {
        twin.name: twin
        for twin in (
            Twin("llama", "llama", KEYS, more=_window, undo=_unpermuted),
            Twin("qwen2", "qwen2", KEYS),
            Twin("qwen3", "qwen3", KEYS),
            Twin("gemma", "gemma", KEYS, undo=_around_zero),
            Twin("gemma2", "gemma2", KEYS, more=_gemma2, undo=_around_zero),
            Twin("gemma3", "gemma3_text", KEYS, more=_gemma3, undo=_around_zero),
            Twin("phi3", "phi3", KEYS, more=_maybe_window),
            Twin("starcoder2", "starcoder2", STARCODER, more=_maybe_window),
            Twin("gpt2", "gpt2", GPT2, rotary=False),
            Twin("bert", "bert", BERT, rotary=False, causal=False),
        )
    }
)
"""`general.architecture` → what it is read as; a new one needs a line here, if its family is computed."""
