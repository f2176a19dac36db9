"""Decoders since Mistral: windows, normed queries and keys, softcaps, sinks, experts."""

from tests.parity.models.cases import Case
from tests.parity.models.first import LLAMA

WINDOW = {"sliding_window": 37}
SOME = {"layer_types": ["sliding_attention", "full_attention"]}

GEMMA = LLAMA | {"head_dim": 10}
GEMMA2 = GEMMA | WINDOW | {"query_pre_attn_scalar": 7, "attn_logit_softcapping": 2.5, "final_logit_softcapping": 3.0}
UNCAPPED = {"query_pre_attn_scalar": 40, "attn_logit_softcapping": None, "final_logit_softcapping": None}
GEMMA3 = GEMMA | WINDOW | SOME | {"query_pre_attn_scalar": 40}
ROPES = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
}
EXPERTS = {"num_local_experts": 5, "intermediate_size": 7}
VISION = {
    "hidden_size": 6,
    "intermediate_size": 5,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "image_size": 28,
    "patch_size": 14,
}
WITH_IMAGES = {"text_config": GEMMA3 | {"rope_parameters": ROPES}, "vision_config": VISION, "mm_tokens_per_image": 4}
SCALED = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
    "full_attention": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 64,
        "rope_theta": 500.0,
    },
}
GPT_OSS = (
    LLAMA
    | EXPERTS
    | WINDOW
    | {"head_dim": 10, "num_experts_per_tok": 2, "swiglu_limit": 0.7}
    | {"rope_parameters": SCALED["full_attention"] | {"truncate": False}}
)
QWEN_MOE = {
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 7,
    "shared_expert_intermediate_size": 11,
}
PAD = {"pad_token_id": 1}
MULTIPLIERS = {
    "embedding_multiplier": 3.0,
    "attention_multiplier": 0.3,
    "residual_multiplier": 0.22,
    "logits_scaling": 7.0,
    "tie_word_embeddings": True,
}
STRETCHED = SCALED["full_attention"] | {"mscale": 1.0, "mscale_all_dim": 0.7}
DEEPSEEK = LLAMA | {
    "num_key_value_heads": 6,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 11,
    "q_lora_rank": 13,
    "qk_nope_head_dim": 5,
    "qk_rope_head_dim": 6,
    "v_head_dim": 7,
    "n_routed_experts": 8,
    "n_group": 4,
    "topk_group": 2,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 7,
    "num_nextn_predict_layers": 0,
}

TURNED = DEEPSEEK["qk_rope_head_dim"]

CASES = (
    Case("mistral", "mistral", LLAMA | WINDOW),
    Case("mistral-wide", "mistral", LLAMA | {"sliding_window": None, "head_dim": 10}, dtype="BF16"),
    Case("ministral", "ministral", LLAMA | WINDOW | SOME | {"head_dim": 10}),
    Case("qwen2", "qwen2", LLAMA | {"tie_word_embeddings": True}, dtype="BF16", shards=2),
    Case("qwen2-window", "qwen2", LLAMA | WINDOW | {"use_sliding_window": True, "max_window_layers": 1}),
    Case("qwen3", "qwen3", LLAMA | {"head_dim": 10}),
    Case(
        "qwen3-window",
        "qwen3",
        LLAMA | WINDOW | {"head_dim": 6, "use_sliding_window": True, "max_window_layers": 0, "attention_bias": True},
    ),
    Case("gemma", "gemma", GEMMA | {"num_key_value_heads": 1}),
    Case("gemma2", "gemma2", GEMMA2, dtype="BF16"),
    Case("gemma2-uncapped", "gemma2", GEMMA2 | UNCAPPED),
    Case("gemma3", "gemma3_text", GEMMA3 | {"rope_parameters": ROPES}),
    Case("gemma3-both-ways", "gemma3_text", GEMMA3 | {"use_bidirectional_attention": True}),
    Case("gemma3-with-images", "gemma3", WITH_IMAGES),
    Case("mixtral", "mixtral", LLAMA | EXPERTS),
    Case("mixtral-window", "mixtral", LLAMA | EXPERTS | WINDOW | {"num_experts_per_tok": 3}, dtype="BF16", shards=2),
    Case("olmo", "olmo", LLAMA | {"clip_qkv": 0.9, "num_key_value_heads": 2}),
    Case("olmo2", "olmo2", LLAMA, shards=2),
    Case("olmo3", "olmo3", LLAMA | WINDOW | {"rope_parameters": SCALED} | SOME),
    Case("olmoe", "olmoe", LLAMA | EXPERTS | {"num_experts": 5, "num_experts_per_tok": 2}),
    Case("gpt-oss", "gpt_oss", GPT_OSS, dtype="BF16"),
    Case("qwen2-moe", "qwen2_moe", LLAMA | QWEN_MOE | {"num_hidden_layers": 3, "mlp_only_layers": [1]}),
    Case(
        "qwen2-moe-window",
        "qwen2_moe",
        LLAMA | QWEN_MOE | WINDOW | {"use_sliding_window": True, "norm_topk_prob": True, "decoder_sparse_step": 2},
    ),
    Case("qwen3-moe", "qwen3_moe", LLAMA | QWEN_MOE | {"head_dim": 10, "norm_topk_prob": True}, dtype="BF16"),
    Case("qwen3-moe-window", "qwen3_moe", LLAMA | QWEN_MOE | WINDOW | {"head_dim": 4, "use_sliding_window": True}),
    Case("granite", "granite", LLAMA | MULTIPLIERS, dtype="F16"),
    Case("smollm3", "smollm3", LLAMA | PAD | WINDOW | {"no_rope_layer_interval": 2, "use_sliding_window": True}),
    Case("smollm3-listed", "smollm3", LLAMA | PAD | {"no_rope_layers": [0, 1]}),
    Case("glm", "glm", LLAMA | PAD | {"head_dim": 12}),
    Case(
        "glm4",
        "glm4",
        LLAMA | PAD | {"head_dim": 20, "rope_parameters": {"partial_rotary_factor": 0.3, "rope_theta": 500.0}},
    ),
    Case(
        "deepseek-v3",
        "deepseek_v3",
        DEEPSEEK | {"num_hidden_layers": 3, "rope_parameters": STRETCHED},
        same_order=False,
    ),
    Case(
        "deepseek-v3-whole",
        "deepseek_v3",
        DEEPSEEK | {"q_lora_rank": None, "rope_interleave": False, "n_group": 1, "topk_group": 1},
        dtype="BF16",
        turned_last=TURNED,
    ),
)
