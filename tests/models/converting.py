"""A folder's checkpoint as a GGUF file, in the way of llama.cpp's converter."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from attn_cli.models.tensors import open_folder

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3"}
"""model_type → general.architecture, where they are not the same."""

Array = np.ndarray[Any, np.dtype[Any]]


def keys_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's keys of a config.json."""
    names = {
        "block_count": ("num_hidden_layers", "n_layer"),
        "context_length": ("max_position_embeddings", "n_positions"),
        "embedding_length": ("hidden_size", "n_embd"),
        "feed_forward_length": ("intermediate_size", "n_inner"),
        "attention.head_count": ("num_attention_heads", "n_head"),
        "attention.head_count_kv": ("num_key_value_heads",),
        "attention.key_length": ("head_dim",),
        "attention.value_length": ("head_dim",),
        "attention.layer_norm_rms_epsilon": ("rms_norm_eps",),
        "attention.layer_norm_epsilon": ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"),
        "attn_logit_softcapping": ("attn_logit_softcapping",),
        "final_logit_softcapping": ("final_logit_softcapping",),
        "vocab_size": ("vocab_size",),
    }
    kind = config["model_type"]
    if kind in ("mistral", "gemma2", "gemma3_text", "phi3", "starcoder2"):
        names["attention.sliding_window"] = ("sliding_window",)
    found = {key: config.get(next((name for name in own if name in config), "")) for key, own in names.items()}
    rope = config.get("rope_parameters", {})
    rope = rope.get("full_attention", rope)
    found["rope.freq_base"] = rope.get("rope_theta")
    if rope.get("rope_type") in ("linear", "yarn"):
        found |= {"rope.scaling.type": rope["rope_type"], "rope.scaling.factor": rope["factor"]}
    original = rope.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
    if rope.get("rope_type") in ("yarn", "longrope"):
        found["rope.scaling.original_context_length"] = original
    if kind == "phi3":
        width = config["hidden_size"] // config["num_attention_heads"]
        found["rope.dimension_count"] = int(width * rope.get("partial_rotary_factor", 1.0))
    if rope.get("rope_type") == "longrope":
        scale = config["max_position_embeddings"] / original
        found["rope.scaling.attn_factor"] = float(np.sqrt(1 + np.log(scale) / np.log(original)))
    if kind == "gemma3_text":
        found["rope.freq_base_swa"] = config["rope_parameters"]["sliding_attention"]["rope_theta"]
    if kind == "bert":
        found["attention.causal"] = False
    return {key: value for key, value in found.items() if value is not None}


def extra_tensors(config: Mapping[str, Any]) -> dict[str, Array]:
    """Divisors of rotary speeds that stand in tensors."""
    rope = config.get("rope_parameters", {})
    if rope.get("rope_type") == "longrope":
        return {
            f"rope_factors_{name}.weight": np.array(rope[f"{name}_factor"], np.float32) for name in ("long", "short")
        }
    if rope.get("rope_type") != "llama3":
        return {}
    dim = config["head_dim"] or config["hidden_size"] // config["num_attention_heads"]
    waves = 2 * np.pi * rope["rope_theta"] ** (np.arange(0, dim, 2) / dim)
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    turns = rope["original_max_position_embeddings"] / waves
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return {"rope_freqs.weight": (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)}


def permuted(array: Array, heads: int) -> Array:
    """Rows of each head, its two halves in turns: llama.cpp rotates neighbours."""
    return array.reshape(heads, 2, -1, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def convert(
    folder: Path,
    path: Path,
    *,
    more: Mapping[str, Any] | None = None,
    quantized: gguf.GGMLQuantizationType | None = None,
    drop: str = "",
) -> Path:
    """Write a folder's checkpoint to `path`; `more` adds keys, and takes one away with None."""
    config = json.loads((folder / "config.json").read_text())
    kind = config["model_type"]
    arch = ARCHITECTURES.get(kind, kind)
    layers = config.get("num_hidden_layers") or config["n_layer"]
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)
    known = gguf.get_tensor_name_map(number, layers)
    tensors = open_folder(str(folder))
    writer = gguf.GGUFWriter(str(path), arch)
    keys = {f"{arch}.{key}": value for key, value in keys_of(config).items()} | dict(more or {})
    for key, value in keys.items():
        if value is not None:
            add(writer, key, value)
    for name, array in extra_tensors(config).items():
        writer.add_tensor(name, array)
    for name in tensors.tensors:
        theirs = known.get_name(name.removeprefix("bert."), try_suffixes=(".weight", ".bias"))
        if name.startswith(("cls.", "bert.pooler")) or name == drop:
            continue
        assert theirs is not None, name
        array = tensors.read(name, name).copy()
        if arch == "llama" and ".q_proj." in name:
            array = permuted(array, config["num_attention_heads"])
        if arch == "llama" and ".k_proj." in name:
            array = permuted(array, config["num_key_value_heads"])
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            array = array + 1
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")) and arch == "gpt2":
            array = array.T
        array = np.ascontiguousarray(array)
        if quantized is not None and array.ndim == 2:
            writer.add_tensor(theirs, gguf.quantize(array, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(theirs, array)
    return written(writer, path)


def add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """A key with the type that the converter gives it."""
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    kinds.get(type(value), writer.add_array)(key, value)  # type: ignore[operator]


def written(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
