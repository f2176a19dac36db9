"""The config of a GGUF file: llama.cpp's keys as keys of config.json; each is read, harmless, or refused."""

from collections.abc import Collection
from typing import Any

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.files.config import Config
from attn_cli.models.gguf.architectures import TWINS, GgufArchitecture
from attn_cli.models.gguf.config_values import Values, refused
from attn_cli.models.gguf.header import AGAIN, Header
from attn_cli.models.gguf.ropes import rotary_values

# The tensors show the number of experts and the widths of hidden layers.
HARMLESS = (
    "attention.kv_lora_rank", "attention.q_lora_rank", "classifier.output_labels", "expert_count",
    "expert_feed_forward_length", "expert_shared_count", "expert_shared_feed_forward_length", "feed_forward_length",
    "pooling_type", "rope.scaling.finetuned", "tensor_data_layout", "vocab_size",
)  # fmt: skip
CONVERT = "convert the model again with a current llama.cpp"


def architecture_of(header: Header) -> GgufArchitecture:
    """The architecture of the file; DocumentError for an unknown one, or for a file without a model."""
    kind = str(header.metadata.get("general.type", "model"))
    if kind != "model":
        raise DocumentError(f"{header.path}: holds no model but: {kind}", hint="name the file of the model itself")
    name = str(header.metadata.get("general.architecture"))
    if name not in TWINS:
        raise DocumentError(
            f"{header.path}: the architecture {name!r} is not one that attn reads from GGUF files",
            hint=f"it reads {', '.join(TWINS)}; take the model's folder with config.json and safetensors",
        )
    return TWINS[name]


def config_of(header: Header, architecture: GgufArchitecture, ignored: Collection[str] = ()) -> Config:
    """The config of the model in the Hugging Face layout; DocumentError for an unknown key."""
    begin = f"{architecture.name}."
    stripped = {key.removeprefix(begin): value for key, value in header.metadata.items() if key.startswith(begin)}
    lists = {key: value.tolist() for key, value in stripped.items() if isinstance(value, np.ndarray)}
    metadata = Config(stripped | lists, header.path, ignored)
    values: Values = {
        "model_type": architecture.model_type,
        "tie_word_embeddings": "output.weight" not in header.tensors,
    }
    for gguf_key, config_key in architecture.keys.items():
        value = _shared(metadata, gguf_key)
        if value is not None:
            values[config_key] = value
    values |= {key: name in header.tensors for name, key in architecture.shows}
    _check_sizes(metadata, header, architecture, values)
    if architecture.rotary:
        values |= architecture.widths(metadata, values)
        values |= rotary_values(metadata, header, architecture, values)
    values |= architecture.more(metadata, values)
    metadata.refuse_unread(HARMLESS)
    config = Config(values, header.path)
    config.notes += metadata.notes
    return config


def _shared(metadata: Config, key: str) -> Any:
    """A value, or the value that all layers share; None if the file lacks it."""
    value = metadata.get(key, None)
    if isinstance(value, list):
        if not value or any(of_layer != value[0] for of_layer in value):
            raise DocumentError(
                f"{metadata.where}: {key} differs between layers, which attn does not compute",
                hint="take the model's folder with config.json and safetensors",
            )
        return value[0]
    return value


def _check_sizes(metadata: Config, header: Header, architecture: GgufArchitecture, values: Values) -> None:
    """Check and complete layers, heads and their width; DocumentError if the file lacks them."""
    for key in ("block_count", "embedding_length", "attention.head_count"):
        value = values.get(architecture.keys[key])
        if not isinstance(value, int) or value < 1:
            raise DocumentError(
                f"{metadata.where}: {architecture.name}.{key}: expected a whole number from 1, found {value!r}",
                hint=CONVERT,
            )
    epsilons = [key for key in architecture.keys if key.endswith("epsilon")]
    if not any(architecture.keys[key] in values for key in epsilons):
        raise DocumentError(f"{metadata.where}: lacks {architecture.name}.{epsilons[-1]}", hint=CONVERT)
    layers = values[architecture.keys["block_count"]]
    if layers > len(header.tensors):
        raise DocumentError(
            f"{metadata.where}: says {layers} layers, and holds {len(header.tensors)} tensors",
            hint=AGAIN,
        )
    heads = values[architecture.keys["attention.head_count"]]
    if metadata.flag("attention.causal", architecture.causal) != architecture.causal:
        raise refused(metadata, "attention.causal", not architecture.causal)
    if architecture.rotary:
        values.setdefault("num_key_value_heads", heads)
        values.setdefault("rope_theta", 10000.0)
        return
    width = values[architecture.keys["embedding_length"]] // heads
    for key in ("attention.key_length", "attention.value_length"):
        if metadata.whole(key, width) != width:
            raise refused(metadata, key, metadata.get(key))
    if (_shared(metadata, "attention.head_count_kv") or heads) != heads:
        raise refused(metadata, "attention.head_count_kv", _shared(metadata, "attention.head_count_kv"))
