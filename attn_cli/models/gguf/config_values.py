"""What llama.cpp's keys say that is no mere renaming of config.json's, by architecture."""

from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import FULL, SLIDING
from attn_cli.models.files.config import Config

Values = dict[str, Any]


def refused(said: Config, key: str, value: Any) -> DocumentError:
    """The error for a value that the family's arithmetic has no place for."""
    return DocumentError(
        f"{said.where}: {key} is {value!r}, which attn does not compute for this architecture",
        hint="a wrong picture would be worse than none",
    )


def nothing_more(said: Config, values: Values) -> Values:
    return {}


def _count(said: Config, key: str, default: int = 0) -> int:
    """A whole number from 0, for keys with which 0 means that there is no such thing."""
    value = said.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise refused(said, key, value)
    return value


def equal_widths(said: Config, values: Values) -> Values:
    """Queries, keys and values of one width."""
    width = values["hidden_size"] // values["num_attention_heads"]
    width = said.whole("attention.key_length", width)
    if said.whole("attention.value_length", width) != width:
        raise refused(said, "attention.value_length", said.get("attention.value_length"))
    return {"head_dim": width}


UNGROUPED = 27
"""How many layers DeepSeek-V2-Lite has, whose experts are in no groups, which older files do not say."""
SOFTMAX, SIGMOID = 1, 2
"""llama.cpp's numbers for what makes shares of a router's logits."""


def llama(said: Config, values: Values) -> Values:
    """Experts make it Mixtral, else a window Mistral, which llama.cpp does not tell apart."""
    window = _count(said, "attention.sliding_window")
    found: Values = {"sliding_window": window} if window else {}
    if _count(said, "expert_count"):
        return {"model_type": "mixtral", **found, **_experts(said)}
    said.must_be("expert_used_count", 0)
    return {"model_type": "mistral", **found} if window else {}


def _experts(said: Config) -> Values:
    """How many experts a token sees; shares of the softmax, unscaled."""
    said.must_be("expert_weights_scale", 1.0, 0.0)
    said.must_be("expert_gating_func", SOFTMAX)
    return {"num_experts_per_tok": said.whole("expert_used_count")}


def qwen_moe(said: Config, values: Values) -> Values:
    among = said.flag("expert_weights_norm", values["model_type"] == "qwen3_moe")
    return {"norm_topk_prob": among, **_experts(said)}


def gpt_oss(said: Config, values: Values) -> Values:
    """A window in every other layer; the ramp of yarn between pairs, as config.json has it and no key says."""
    scaling = {"truncate": False, **values.get("rope_scaling", {"rope_type": "default"})}
    return {"sliding_window": said.whole("attention.sliding_window"), "rope_scaling": scaling, **_experts(said)}


def latent_widths(said: Config, values: Values) -> Values:
    """Heads before they are multiplied into the compressed vector, which newer files count as one head of keys."""
    turned, new = said.whole("rope.dimension_count"), "attention.key_length_mla" in said.values
    keys = [said.whole("attention.key_length"), said.whole("attention.key_length_mla", None)]
    values_ = [said.whole("attention.value_length"), said.whole("attention.value_length_mla", None)]
    return {
        "head_dim": turned,
        "qk_rope_head_dim": turned,
        "qk_nope_head_dim": keys[new] - turned,
        "v_head_dim": values_[new],
        "num_key_value_heads": values["num_attention_heads"],
    }


def deepseek(said: Config, values: Values) -> Values:
    """Experts chosen by sigmoids or, in the second version, by softmax; only its small models have no groups."""
    said.must_be("expert_gating_func", SOFTMAX, SIGMOID)
    second = said.get("expert_gating_func", SOFTMAX) == SOFTMAX
    alone = {} if values["num_hidden_layers"] > UNGROUPED or not second else {"default": 1}
    groups, kept = (said.whole(key, **alone) for key in ("expert_group_count", "expert_group_used_count"))
    found: Values = {
        "model_type": "deepseek_v2" if second else "deepseek_v3",
        "topk_method": "noaux_tc" if not second else "greedy" if groups == 1 else "group_limited_greedy",
        "num_experts_per_tok": said.whole("expert_used_count"),
        "n_group": groups,
        "topk_group": kept,
        "norm_topk_prob": said.flag("expert_weights_norm", False),
        "routed_scaling_factor": said.number("expert_weights_scale", 1.0),
        "first_k_dense_replace": _count(said, "leading_dense_block_count"),
    }
    if values.get("rope_scaling", {}).get("rope_type") == "yarn":
        by = round(10 * said.number("rope.scaling.yarn_log_multiplier"), 6)
        found["rope_scaling"] = values["rope_scaling"] | {"mscale": by, "mscale_all_dim": by}
    return found


def multipliers(said: Config, values: Values) -> Values:
    keys = {"attention.scale": "attention_multiplier", "embedding_scale": "embedding_multiplier"}
    keys |= {"residual_scale": "residual_multiplier", "logit_scale": "logits_scaling"}
    return {ours: said.number(theirs, 1.0) for theirs, ours in keys.items()}


def logit_scale(said: Config, values: Values) -> Values:
    return {"logit_scale": said.number("logit_scale")}


def cohere2(said: Config, values: Values) -> Values:
    window, period = said.whole("attention.sliding_window"), said.get("attention.sliding_window_pattern", 4)
    return {"sliding_window": window, "sliding_window_pattern": period, **logit_scale(said, values)}


def olmo(said: Config, values: Values) -> Values:
    return {"clip_qkv": said.number("attention.clamp_kqv", None)}


def olmo2(said: Config, values: Values) -> Values:
    """A window makes it OLMo 3."""
    window = _count(said, "attention.sliding_window")
    if not window:
        return {}
    return {"model_type": "olmo3", "sliding_window": window, "layer_types": _kinds(said, values, 4)}


def neox(said: Config, values: Values) -> Values:
    if values["num_key_value_heads"] != values["num_attention_heads"]:
        raise refused(said, "attention.head_count_kv", values["num_key_value_heads"])
    parallel = said.flag("use_parallel_residual", True)
    return {"use_parallel_residual": parallel, "num_key_value_heads": None, "head_dim": None}


def maybe_window(said: Config, values: Values) -> Values:
    """A window of 0 is none."""
    return {"sliding_window": _count(said, "attention.sliding_window") or None}


def _kinds(said: Config, values: Values, period: int) -> list[str]:
    """The kind of each layer: those with a window are all but the last out of each `period`, unless they are listed."""
    key, layers = "attention.sliding_window_pattern", range(values["num_hidden_layers"])
    pattern = said.get(key, None)
    if not isinstance(pattern, list):
        every = _count(said, key, period)
        pattern = [not every or number % every < every - 1 for number in layers]
    return [SLIDING if slides else FULL for slides in pattern]


def _windows(said: Config, values: Values, period: int) -> Values:
    """The layers with a window, and a scale that the largest models have."""
    window = _count(said, "attention.sliding_window")
    kinds = _kinds(said, values, period)
    largest = (values["model_type"], len(kinds)) in LARGEST
    width = values["hidden_size"] // values["num_attention_heads"] if largest else values["head_dim"]
    more: Values = {"query_pre_attn_scalar": width, "layer_types": kinds if window else [FULL] * len(kinds)}
    return more | ({"sliding_window": window} if window else {}) | _softcaps(said)


def _softcaps(said: Config) -> Values:
    keys = ("attn_logit_softcapping", "final_logit_softcapping")
    return {key: said.number(key) for key in keys if key in said.values}


def gemma2(said: Config, values: Values) -> Values:
    said.assume({"attention.sliding_window": 4096})
    return _windows(said, values, 2)


def gemma3(said: Config, values: Values) -> Values:
    local = {"rope_local_base_freq": said.number("rope.freq_base_swa", 10000.0)}
    return _windows(said, values, 6) | local


LARGEST = {("gemma2", 46), ("gemma3_text", 62)}
"""Those whose scale goes by d_model, not by the width of heads (27 billion parameters)."""
