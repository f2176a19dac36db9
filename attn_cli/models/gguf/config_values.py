"""llama.cpp's keys that are not mere renamings of config.json's, by architecture."""

from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import FULL, SLIDING
from attn_cli.models.files.config import Config

Values = dict[str, Any]


def refused(metadata: Config, key: str, value: Any) -> DocumentError:
    """The error for a value that the family does not compute."""
    return DocumentError(
        f"{metadata.where}: {key} is {value!r}, which attn does not compute for this architecture",
        hint="a wrong picture would be worse than none",
    )


def nothing_more(metadata: Config, values: Values) -> Values:
    """No further keys."""
    return {}


def _count(metadata: Config, key: str, default: int = 0) -> int:
    """A whole number from 0, for keys whose 0 means none."""
    value = metadata.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise refused(metadata, key, value)
    return value


def equal_widths(metadata: Config, values: Values) -> Values:
    """The widths of heads whose queries, keys and values are equally wide."""
    width = values["hidden_size"] // values["num_attention_heads"]
    width = metadata.whole("attention.key_length", width)
    if metadata.whole("attention.value_length", width) != width:
        raise refused(metadata, "attention.value_length", metadata.get("attention.value_length"))
    return {"head_dim": width}


UNGROUPED = 27
"""The number of layers of DeepSeek-V2-Lite, whose experts have no groups, which older files omit."""
SOFTMAX, SIGMOID = 1, 2
"""llama.cpp's numbers for the function that turns a router's logits into shares."""


def llama(metadata: Config, values: Values) -> Values:
    """With experts it is Mixtral, with a sliding window Mistral; llama.cpp calls both llama."""
    window = _count(metadata, "attention.sliding_window")
    sliding: Values = {"sliding_window": window} if window else {}
    if _count(metadata, "expert_count"):
        return {"model_type": "mixtral", **sliding, **_experts(metadata)}
    metadata.must_be("expert_used_count", 0)
    return {"model_type": "mistral", **sliding} if window else {}


def _experts(metadata: Config) -> Values:
    """The number of experts per token; shares are those of an unscaled softmax."""
    metadata.must_be("expert_weights_scale", 1.0, 0.0)
    metadata.must_be("expert_gating_func", SOFTMAX)
    return {"num_experts_per_tok": metadata.whole("expert_used_count")}


def qwen_moe(metadata: Config, values: Values) -> Values:
    """The experts of Qwen, with the normalization of their shares."""
    among = metadata.flag("expert_weights_norm", values["model_type"] == "qwen3_moe")
    return {"norm_topk_prob": among, **_experts(metadata)}


def gpt_oss(metadata: Config, values: Values) -> Values:
    """A sliding window in every other layer; YaRN's ramp is not truncated, although no key says so."""
    scaling = {"truncate": False, **values.get("rope_scaling", {"rope_type": "default"})}
    return {"sliding_window": metadata.whole("attention.sliding_window"), "rope_scaling": scaling, **_experts(metadata)}


def latent_widths(metadata: Config, values: Values) -> Values:
    """The widths of heads in multi-head latent attention; newer files count the compressed vector as one key head."""
    rotated, new = metadata.whole("rope.dimension_count"), "attention.key_length_mla" in metadata.values
    keys = [metadata.whole("attention.key_length"), metadata.whole("attention.key_length_mla", None)]
    values_ = [metadata.whole("attention.value_length"), metadata.whole("attention.value_length_mla", None)]
    return {
        "head_dim": rotated,
        "qk_rope_head_dim": rotated,
        "qk_nope_head_dim": keys[new] - rotated,
        "v_head_dim": values_[new],
        "num_key_value_heads": values["num_attention_heads"],
    }


def deepseek(metadata: Config, values: Values) -> Values:
    """The experts of DeepSeek: chosen by sigmoids (V3) or by softmax (V2, whose small models have no groups)."""
    metadata.must_be("expert_gating_func", SOFTMAX, SIGMOID)
    second = metadata.get("expert_gating_func", SOFTMAX) == SOFTMAX
    default = {} if values["num_hidden_layers"] > UNGROUPED or not second else {"default": 1}
    groups, used_groups = (metadata.whole(key, **default) for key in ("expert_group_count", "expert_group_used_count"))
    config: Values = {
        "model_type": "deepseek_v2" if second else "deepseek_v3",
        "topk_method": "noaux_tc" if not second else "greedy" if groups == 1 else "group_limited_greedy",
        "num_experts_per_tok": metadata.whole("expert_used_count"),
        "n_group": groups,
        "topk_group": used_groups,
        "norm_topk_prob": metadata.flag("expert_weights_norm", False),
        "routed_scaling_factor": metadata.number("expert_weights_scale", 1.0),
        "first_k_dense_replace": _count(metadata, "leading_dense_block_count"),
    }
    if values.get("rope_scaling", {}).get("rope_type") == "yarn":
        by = round(10 * metadata.number("rope.scaling.yarn_log_multiplier"), 6)
        config["rope_scaling"] = values["rope_scaling"] | {"mscale": by, "mscale_all_dim": by}
    return config


def multipliers(metadata: Config, values: Values) -> Values:
    """Granite's multipliers."""
    keys = {"attention.scale": "attention_multiplier", "embedding_scale": "embedding_multiplier"}
    keys |= {"residual_scale": "residual_multiplier", "logit_scale": "logits_scaling"}
    return {config_key: metadata.number(gguf_key, 1.0) for gguf_key, config_key in keys.items()}


def logit_scale(metadata: Config, values: Values) -> Values:
    """Cohere's factor of the logits."""
    return {"logit_scale": metadata.number("logit_scale")}


def cohere2(metadata: Config, values: Values) -> Values:
    """Cohere 2's sliding window and the period of its layers."""
    window, period = metadata.whole("attention.sliding_window"), metadata.get("attention.sliding_window_pattern", 4)
    return {"sliding_window": window, "sliding_window_pattern": period, **logit_scale(metadata, values)}


def olmo(metadata: Config, values: Values) -> Values:
    """OLMo's limit of Q, K and V."""
    return {"clip_qkv": metadata.number("attention.clamp_kqv", None)}


def olmo2(metadata: Config, values: Values) -> Values:
    """With a sliding window it is OLMo 3."""
    window = _count(metadata, "attention.sliding_window")
    if not window:
        return {}
    return {"model_type": "olmo3", "sliding_window": window, "layer_types": _kinds(metadata, values, 4)}


def neox(metadata: Config, values: Values) -> Values:
    """GPT-NeoX: parallel attention and MLP, and no grouped-query attention."""
    if values["num_key_value_heads"] != values["num_attention_heads"]:
        raise refused(metadata, "attention.head_count_kv", values["num_key_value_heads"])
    parallel = metadata.flag("use_parallel_residual", True)
    return {"use_parallel_residual": parallel, "num_key_value_heads": None, "head_dim": None}


def maybe_window(metadata: Config, values: Values) -> Values:
    """The sliding window; 0 means none."""
    return {"sliding_window": _count(metadata, "attention.sliding_window") or None}


def _kinds(metadata: Config, values: Values, period: int) -> list[str]:
    """The kind of each layer: listed in the file, or sliding except for the last of every `period` layers."""
    key, layers = "attention.sliding_window_pattern", range(values["num_hidden_layers"])
    pattern = metadata.get(key, None)
    if not isinstance(pattern, list):
        every = _count(metadata, key, period)
        pattern = [not every or number % every < every - 1 for number in layers]
    return [SLIDING if slides else FULL for slides in pattern]


def _windows(metadata: Config, values: Values, period: int) -> Values:
    """The kinds of layers, and the scale of scores, which differs in the largest models."""
    window = _count(metadata, "attention.sliding_window")
    kinds = _kinds(metadata, values, period)
    largest = (values["model_type"], len(kinds)) in LARGEST
    width = values["hidden_size"] // values["num_attention_heads"] if largest else values["head_dim"]
    more: Values = {"query_pre_attn_scalar": width, "layer_types": kinds if window else [FULL] * len(kinds)}
    return more | ({"sliding_window": window} if window else {}) | _softcaps(metadata)


def _softcaps(metadata: Config) -> Values:
    keys = ("attn_logit_softcapping", "final_logit_softcapping")
    return {key: metadata.number(key) for key in keys if key in metadata.values}


def gemma2(metadata: Config, values: Values) -> Values:
    """Gemma 2: every other layer has a sliding window."""
    metadata.assume({"attention.sliding_window": 4096})
    return _windows(metadata, values, 2)


def gemma3(metadata: Config, values: Values) -> Values:
    """Gemma 3: five of six layers have a sliding window and a rotary base of their own."""
    local = {"rope_local_base_freq": metadata.number("rope.freq_base_swa", 10000.0)}
    return _windows(metadata, values, 6) | local


LARGEST = {("gemma2", 46), ("gemma3_text", 62)}
"""The models whose scale depends on d_model, not on the width of heads (27 billion parameters)."""
