"""The model type of a config.json, derived from `architectures` if it is missing."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config

HEAD = re.compile(
    r"(LMHead|DoubleHeads|WithLMHead|ForCausalLM|ForConditionalGeneration|For[A-Z]\w*|MT|Pre[Tt]rained|Encoder|Decoder)?"
    r"(Model)?$"
)
"""The suffix after a family's name in the name of a class."""
CLASSES: Mapping[str, str] = MappingProxyType(
    {"Gemma3ForCausalLM": "gemma3_text", "Llama4ForCausalLM": "llama4_text", "RWForCausalLM": "RefinedWebModel"}
)
"""Classes whose names do not contain their family's name."""
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bert": ("hidden_size", "type_vocab_size", "num_attention_heads"),
        "gpt2": ("n_embd", "n_head", "n_layer"),
        "llama": ("rms_norm_eps", "hidden_size", "num_attention_heads"),
        "t5": ("d_model", "d_kv", "num_heads"),
    }
)
"""A model type → keys that are typical of its configs."""


def model_type_of(config: Config, computed: Collection[str]) -> str:
    """The config's model type, or that of its `architectures`, with a note; DocumentError if neither is known."""
    named = config.word("model_type", None)
    if named is not None:
        return str(named)
    classes = config.get("architectures", [])
    for name in classes if isinstance(classes, list) else []:
        if isinstance(name, str) and (kind := _kind(name, computed)) is not None:
            config.notes.append(f"config.json names no model_type: read as {kind}, by its architectures: {name}")
            config.assume({"model_type": kind})
            return kind
    likely = next((kind for kind, keys in KEYS.items() if all(key in config.values for key in keys)), None)
    example = likely or "bert"
    raise DocumentError(
        f"{config.where}: lacks model_type, and its architectures name none that attn computes",
        hint=f'add a line "model_type": "{example}", if it is one' if likely else 'add its "model_type": "…"',
    )


def _kind(name: str, computed: Collection[str]) -> str | None:
    """The model type of a class, such as gpt_neox for GPTNeoXForCausalLM."""
    if name in CLASSES:
        return CLASSES[name]
    stem = HEAD.sub("", name)
    plain = {_plain(kind): kind for kind in computed}
    return plain.get(_plain(stem)) or plain.get(_plain(stem.removesuffix("MT")))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
