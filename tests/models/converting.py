"""A folder's checkpoint as a GGUF file, in the way of llama.cpp's converter."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from attn_cli.models.files.opening import open_folder

ARCHITECTURES = {
    "cohere": "command-r",
    "deepseek_v2": "deepseek2",
    "deepseek_v3": "deepseek2",
    "gemma3_text": "gemma3",
    "gpt_neox": "gptneox",
    "gpt_oss": "gpt-oss",
    "mistral": "llama",
    "mixtral": "llama",
    "olmo3": "olmo2",
    "phi": "phi2",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
"""model_type → general.architecture, where they are not the same."""
PERMUTED = ("arcee", "llama", "olmo", "granite", "smollm3")
WINDOWED = ("mistral", "mixtral", "gemma2", "gemma3_text", "phi3", "starcoder2", "olmo3", "gpt_oss", "cohere2")

Array = np.ndarray[Any, np.dtype[Any]]


def keys_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's keys of a config.json."""
    names = {
        "block_count": ("num_hidden_layers", "n_layer"),
        "context_length": ("max_position_embeddings", "n_positions"),
        "embedding_length": ("hidden_size", "n_embd"),
        "feed_forward_length": ("intermediate_size", "n_inner"),
        "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
        "expert_used_count": ("num_experts_per_tok",),
        "expert_feed_forward_length": ("moe_intermediate_size",),
        "expert_shared_feed_forward_length": ("shared_expert_intermediate_size",),
        "attention.head_count": ("num_attention_heads", "n_head"),
        "attention.head_count_kv": ("num_key_value_heads",),
        "attention.key_length": ("head_dim",),
        "attention.value_length": ("head_dim",),
        "attention.layer_norm_rms_epsilon": ("rms_norm_eps",),
        "attention.layer_norm_epsilon": ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"),
        "attn_logit_softcapping": ("attn_logit_softcapping",),
        "final_logit_softcapping": ("final_logit_softcapping",),
        "vocab_size": ("vocab_size",),
        **MORE_KEYS.get(config["model_type"], {}),
    }
    kind = config["model_type"]
    if kind in WINDOWED:
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
    if kind in ("phi3", "phi", "glm4", "gpt_neox"):
        width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        share = rope.get("partial_rotary_factor", config.get("rotary_pct", 1.0))
        found["rope.dimension_count"] = int(width * share)
    if rope.get("rope_type") == "longrope":
        scale = config["max_position_embeddings"] / original
        found["rope.scaling.attn_factor"] = float(np.sqrt(1 + np.log(scale) / np.log(original)))
    if kind == "gemma3_text":
        found["rope.freq_base_swa"] = config["rope_parameters"]["sliding_attention"]["rope_theta"]
    if kind == "bert":
        found["attention.causal"] = False
    if kind == "olmo":
        found["attention.layer_norm_epsilon"] = 1e-5
    if kind == "olmo3":
        found["attention.sliding_window_pattern"] = [kind.startswith("sliding") for kind in config["layer_types"]]
    if kind in ("deepseek_v2", "deepseek_v3"):
        found |= latent_keys(config)
    return {key: value for key, value in found.items() if value is not None}


LATENT_KEYS = {
    "attention.q_lora_rank": ("q_lora_rank",),
    "attention.kv_lora_rank": ("kv_lora_rank",),
    "expert_group_count": ("n_group",),
    "expert_group_used_count": ("topk_group",),
    "expert_shared_count": ("n_shared_experts",),
    "expert_weights_norm": ("norm_topk_prob",),
    "expert_weights_scale": ("routed_scaling_factor",),
    "leading_dense_block_count": ("first_k_dense_replace",),
    "rope.dimension_count": ("qk_rope_head_dim",),
}
MORE_KEYS = {
    "cohere": {"logit_scale": ("logit_scale",)},
    "cohere2": {"logit_scale": ("logit_scale",)},
    "granite": {
        "attention.scale": ("attention_multiplier",),
        "embedding_scale": ("embedding_multiplier",),
        "residual_scale": ("residual_multiplier",),
        "logit_scale": ("logits_scaling",),
    },
    "gpt_neox": {"use_parallel_residual": ("use_parallel_residual",)},
    "olmo": {"attention.clamp_kqv": ("clip_qkv",)},
    "deepseek_v2": LATENT_KEYS,
    "deepseek_v3": LATENT_KEYS,
}


def latent_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Heads as they are once their matrices are multiplied into the compressed vector, and before."""
    turned, rank = config["qk_rope_head_dim"], config["kv_lora_rank"]
    found = {"attention.head_count_kv": 1, "expert_gating_func": 2 if config["model_type"] == "deepseek_v3" else 1}
    found |= {"attention.key_length": rank + turned, "attention.value_length": rank}
    found |= {"attention.key_length_mla": config["qk_nope_head_dim"] + turned}
    found |= {"attention.value_length_mla": config["v_head_dim"]}
    by = config["rope_parameters"].get("mscale_all_dim")
    return found if by is None else found | {"rope.scaling.yarn_log_multiplier": 0.1 * by}


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


def ungrouped(array: Array, heads: int) -> Array:
    """Queries, keys and values head by head, set one after another."""
    blocks = array.reshape(heads, 3, -1, *array.shape[1:])
    return np.concatenate([blocks[:, place].reshape(-1, *array.shape[1:]) for place in range(3)])


def pieces(config: Mapping[str, Any], name: str, array: Array) -> Iterator[tuple[str, Array]]:
    """What a tensor of the folder is cut into and how it is changed, still under a name like those of the folder."""
    kind = config["model_type"]
    heads = config.get("num_attention_heads") or config["n_head"]
    arch = ARCHITECTURES.get(kind, kind)
    if arch in PERMUTED and (".q_proj." in name or ".k_proj." in name):
        array = permuted(array, heads if ".q_proj." in name else config["num_key_value_heads"])
    if arch.startswith("gemma") and name.endswith("norm.weight"):
        array = array + 1
    if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")) and arch == "gpt2":
        array = array.T
    if "query_key_value" in name:
        array = ungrouped(array, heads)
    if name.endswith("shared_expert_gate.weight"):
        array = array[0]
    if kind == "gpt_oss" and ".experts." in name:
        yield from untangled(name, array)
    elif name.endswith(".sinks"):
        yield f"{name}.weight", array
    elif name.endswith("e_score_correction_bias"):
        yield name.replace("_bias", ".bias"), array
    elif name.endswith("kv_b_proj.weight"):
        both = array.reshape(heads, -1, array.shape[1])
        keys, values = np.split(both, [config["qk_nope_head_dim"]], axis=1)
        yield name.replace("kv_b", "k_b"), keys.swapaxes(1, 2)
        yield name.replace("kv_b", "v_b"), values
    else:
        yield name, array


def untangled(name: str, array: Array) -> Iterator[tuple[str, Array]]:
    """gpt-oss's experts, in × out with gates and ups in turns, as out × in and each for itself."""
    ending = ".bias" if name.endswith("_bias") else ".weight"
    module, array = name.removesuffix("_bias"), array if ending == ".bias" else array.swapaxes(1, 2)
    if not module.endswith("gate_up_proj"):
        yield module + ending, array
        return
    for place, half in enumerate(("gate_proj", "up_proj")):
        yield module.replace("gate_up_proj", half) + ending, array[:, place::2]


_EXPERT = re.compile(r"(.*\.experts)\.(\d+)(\..*)")


def stacked(found: Mapping[str, Array]) -> dict[str, Array]:
    """The matrices of all experts of a layer as one."""
    whole: dict[str, Array] = {}
    experts: dict[str, list[Array]] = {}
    for name, array in found.items():
        match = _EXPERT.fullmatch(name)
        if match is None:
            whole[name] = array
        else:
            experts.setdefault(match[1] + match[3], []).append(array)
    return whole | {name: np.stack(arrays) for name, arrays in experts.items()}


def tensors_of(folder: Path) -> tuple[str, dict[str, Any], dict[str, Array]]:
    """A folder's checkpoint as its architecture, its keys, and its tensors by their new names."""
    config = json.loads((folder / "config.json").read_text())
    kind = config["model_type"]
    arch = ARCHITECTURES.get(kind, kind)
    layers = config.get("num_hidden_layers") or config["n_layer"]
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)
    known = gguf.get_tensor_name_map(number, layers)
    tensors = open_folder(str(folder))
    cut: dict[str, Array] = {}
    for name in tensors.tensors:
        if not name.startswith(("cls.", "bert.pooler")):
            cut |= pieces(config, name, tensors.read(name, name).copy())
    found = extra_tensors(config)
    for name, array in stacked(cut).items():
        bare = name.removeprefix("transformer.") if kind == "bloom" else name.removeprefix("bert.")
        theirs = known.get_name(bare, try_suffixes=(".weight", ".bias"))
        assert theirs is not None, name
        found[theirs] = np.ascontiguousarray(array)
    return arch, {f"{arch}.{key}": value for key, value in keys_of(config).items()}, found


def convert(
    folder: Path,
    path: Path,
    *,
    more: Mapping[str, Any] | None = None,
    quantized: gguf.GGMLQuantizationType | None = None,
    drop: str = "",
) -> Path:
    """Write a folder's checkpoint to `path`; `more` adds keys, and takes one away with None."""
    arch, keys, tensors = tensors_of(folder)
    tensors.pop(drop, None)
    return write(path, arch, keys | dict(more or {}), tensors, quantized)


def write(
    path: Path,
    arch: str,
    keys: Mapping[str, Any],
    tensors: Mapping[str, Array],
    quantized: gguf.GGMLQuantizationType | None = None,
) -> Path:
    """A file of these keys, but for those that are None, and of these tensors."""
    writer = gguf.GGUFWriter(str(path), arch)
    for key, value in keys.items():
        if value is not None:
            add(writer, key, value)
    for name, array in tensors.items():
        if quantized is not None and array.ndim > 1:
            writer.add_tensor(name, gguf.quantize(array, quantized), raw_dtype=quantized)
        else:
            writer.add_tensor(name, array)
    return written(writer, path)


def split(folder: Path, place: Path, count: int, changes: Mapping[int, Mapping[str, Any]] | None = None) -> list[Path]:
    """The checkpoint in parts, as llama-gguf-split cuts it: metadata in the first; `changes` to the keys of some."""
    arch, keys, tensors = tensors_of(folder)
    names = list(tensors)
    paths = []
    for number in range(count):
        path = place / f"model-{number + 1:05}-of-{count:05}.gguf"
        own = {"split.no": number, "split.count": count, "split.tensors.count": len(names)}
        own |= {**(keys if number == 0 else {}), **(changes or {}).get(number, {})}
        part = {name: tensors[name] for name in names[number::count]}
        paths.append(write(path, arch if number == 0 else "", own, part))
    return paths


def add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """A key with the type that the converter gives it."""
    whole = writer.add_int32 if isinstance(value, int) and value < 0 else writer.add_uint32
    kinds = {bool: writer.add_bool, int: whole, float: writer.add_float32, str: writer.add_string}
    kinds.get(type(value), writer.add_array)(key, value)  # type: ignore[operator]


def written(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
