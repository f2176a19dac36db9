"""Decoders since Mistral: windows, normed queries and keys, softcaps, sinks, experts."""

from tests.parity.models.cases import Case
from tests.parity.models.first import DYNAMIC, LLAMA

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

LLAMA4 = LLAMA | {
    "num_hidden_layers": 3,
    "head_dim": 10,
    "attention_chunk_size": 37,
    "no_rope_layers": [1, 0, 1],
    "floor_scale": 23,
    "attn_scale": 0.4,
    "interleave_moe_layer_step": 2,
    "num_local_experts": 5,
    "num_experts_per_tok": 2,
    "intermediate_size": 7,
    "intermediate_size_mlp": 13,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
}
GROWING = SCALED["full_attention"] | {"original_max_position_embeddings": 23, "llama_4_scaling_beta": 0.4}
MISTRAL3 = {
    "text_config": LLAMA | {"model_type": "ministral3", "head_dim": 10, "rope_parameters": GROWING},
    "vision_config": VISION | {"model_type": "pixtral", "head_dim": 6},
    "tie_word_embeddings": False,
}
DEEPSEEK2 = {key: value for key, value in DEEPSEEK.items() if key != "num_nextn_predict_layers"} | {
    "routed_scaling_factor": 3.0,
    "kv_lora_rank": 10,
    "qk_nope_head_dim": 4,
    "num_hidden_layers": 3,
}

GLM_LITE = DEEPSEEK | {
    "num_hidden_layers": 3,
    "mlp_layer_types": ["sparse", "dense", "sparse"],
    "n_group": 2,
    "topk_group": 1,
}
SPARSE = LLAMA | {
    "first_k_dense_replace": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "n_group": 4,
    "topk_group": 2,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 7,
    "routed_scaling_factor": 1.7,
}
SOME_FULL = {"layer_types": ["full_attention", "full_attention"]}
GRANITE4 = {
    "shared_intermediate_size": 11,
    "position_embedding_type": "rope",
    "mamba_n_heads": 6,
    "mamba_expand": 2,
    "layer_types": ["full_attention", "full_attention"],
}
PHIMOE = EXPERTS | {"router_jitter_noise": 0.3}
LENGTHENED = {
    "max_position_embeddings": 1024,
    "rope_parameters": {
        "rope_type": "longrope",
        "short_factor": [1.0, 1.3],
        "long_factor": [1.0, 5.0],
        "short_mscale": 1.24,
        "long_mscale": 1.24,
        "original_max_position_embeddings": 256,
        "rope_theta": 500.0,
    },
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
    Case("qwen2-both-ways", "qwen2", LLAMA | {"is_causal": False}),
    Case(
        "qwen2-both-ways-window",
        "qwen2",
        LLAMA | WINDOW | {"is_causal": False, "use_sliding_window": True, "max_window_layers": 1},
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
    Case("llama4", "llama4_text", LLAMA4),
    Case(
        "llama4-even",
        "llama4_text",
        LLAMA4
        | {"use_qk_norm": False, "attn_temperature_tuning": False, "moe_layers": [0], "attention_chunk_size": None},
        dtype="BF16",
        shards=2,
    ),
    Case("ministral3", "ministral3", LLAMA | WINDOW | {"head_dim": 10, "rope_parameters": GROWING}),
    Case("mistral3", "mistral3", MISTRAL3, auto="AutoModelForImageTextToText"),
    Case("deepseek-v2", "deepseek_v2", DEEPSEEK2 | {"topk_method": "group_limited_greedy"}, turned_last=TURNED),
    Case(
        "deepseek-v2-lite",
        "deepseek_v2",
        DEEPSEEK2 | {"q_lora_rank": None, "rope_parameters": STRETCHED},
        dtype="BF16",
        turned_last=TURNED,
    ),
    Case("glm4-moe-lite", "glm4_moe_lite", GLM_LITE, same_order=False),
    Case("glm4-moe", "glm4_moe", SPARSE | {"use_qk_norm": True, "head_dim": 12}),
    Case(
        "glm4-moe-even",
        "glm4_moe",
        SPARSE | {"first_k_dense_replace": 0, "norm_topk_prob": False},
        dtype="BF16",
        shards=2,
    ),
    Case("dots1", "dots1", SPARSE | WINDOW | {"max_window_layers": 1, "head_dim": 10}),
    Case("arcee", "arcee", LLAMA | {"rope_parameters": SCALED["full_attention"]}),
    Case("apertus", "apertus", LLAMA | {"head_dim": 10, "dtype": "float32"}),
    Case("ernie4-5", "ernie4_5", LLAMA | {"head_dim": 10, "use_bias": True}, dtype="BF16"),
    Case("helium", "helium", LLAMA | {"head_dim": 4}),
    Case("exaone4", "exaone4", LLAMA | WINDOW | {"head_dim": 10, "num_hidden_layers": 3, "sliding_window_pattern": 2}),
    Case("exaone4-wide", "exaone4", LLAMA | SOME_FULL | {"sliding_window": None}),
    Case("seed-oss", "seed_oss", LLAMA | {"head_dim": 10, "attention_out_bias": True, "mlp_bias": True}),
    Case("granitemoe", "granitemoe", LLAMA | EXPERTS | MULTIPLIERS, dtype="BF16"),
    Case("granitemoeshared", "granitemoeshared", LLAMA | EXPERTS | MULTIPLIERS | {"shared_intermediate_size": 11}),
    Case("granite-4", "granitemoehybrid", LLAMA | MULTIPLIERS | GRANITE4 | {"num_local_experts": 0}),
    Case("granite-4-nope", "granitemoehybrid", LLAMA | EXPERTS | GRANITE4 | {"position_embedding_type": None}),
    Case("phimoe", "phimoe", LLAMA | PHIMOE | {"attention_bias": True, "lm_head_bias": True}),
    Case("phimoe-longrope", "phimoe", LLAMA | PHIMOE | WINDOW | LENGTHENED, dtype="BF16"),
    Case("flex-olmo", "flex_olmo", LLAMA | PAD | EXPERTS | {"num_experts": 5, "num_experts_per_tok": 3}),
    Case("exaone", "exaone", LLAMA | {"head_dim": 6, "rms_norm_eps": 1e-3}),
    Case("internlm3", "internlm3", LLAMA | DYNAMIC | {"head_dim": 6, "max_position_embeddings": 64}, dtype="BF16"),
)
