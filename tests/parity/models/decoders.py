"""Decoders with layers of their own: Pythia, Phi, GPT-J, OPT, Bloom, Falcon and others."""

from tests.parity.models.cases import Case

NEOX = {
    "hidden_size": 60,
    "intermediate_size": 37,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
}

LLAMA_LIKE = {
    "hidden_size": 40,
    "intermediate_size": 37,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
PHI3 = LLAMA_LIKE | {"intermediate_size": 41, "pad_token_id": 0, "tie_word_embeddings": False}
LONGROPE = {
    "max_position_embeddings": 512,
    "original_max_position_embeddings": 64,
    "rope_parameters": {
        "rope_type": "longrope",
        "short_factor": [1.0, 1.1, 1.3, 1.7],
        "long_factor": [1.0, 2.0, 5.0, 9.0],
        "rope_theta": 1e4,
        "partial_rotary_factor": 0.8,
    },
}
GPT_NEO = {
    "hidden_size": 30,
    "num_heads": 3,
    "num_layers": 3,
    "attention_types": [[["local", "global"], 1], [["local"], 1]],
    "window_size": 37,
    "intermediate_size": 44,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
GPTJ = {"n_embd": 40, "n_head": 4, "n_layer": 2, "n_positions": 256, "rotary_dim": 6, "n_inner": 44, "vocab_size": 101}
OPT = {
    "hidden_size": 30,
    "ffn_dim": 44,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
    "word_embed_proj_dim": 30,
}
OPT_350M = {"do_layer_norm_before": False, "word_embed_proj_dim": 14}
BLOOM = {"hidden_size": 36, "n_head": 6, "n_layer": 2, "vocab_size": 101}
FALCON = {
    "hidden_size": 36,
    "num_attention_heads": 6,
    "num_hidden_layers": 2,
    "ffn_hidden_size": 44,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
FALCON_40B = {"new_decoder_architecture": True, "num_kv_heads": 2}
FALCON_RW = {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True, "num_attention_heads": 9}
REFINED = {"n_head": 6, "n_layer": 2, "num_attention_heads": None, "num_hidden_layers": None}
MPT = {"d_model": 36, "n_heads": 6, "n_layers": 2, "max_seq_len": 256, "vocab_size": 101}
CLIPPED = {"attn_config": {"clip_qkv": 0.7, "softmax_scale": 0.9}}
BIGCODE = {"n_embd": 36, "n_head": 4, "n_layer": 2, "n_positions": 256, "n_inner": 44, "vocab_size": 101}
STABLELM_12B = LLAMA_LIKE | {"partial_rotary_factor": 0.4, "qk_layernorm": True, "use_parallel_residual": True}
COHERE2 = LLAMA_LIKE | {"num_hidden_layers": 3, "sliding_window": 37, "sliding_window_pattern": 3}

CASES = (
    Case("gpt_neox", "gpt_neox", NEOX, renamed=(("lm_head", "embed_out"),)),
    Case("gpt_neox-serial", "gpt_neox", NEOX | {"use_parallel_residual": False}, dtype="F16"),
    Case("phi3", "phi3", PHI3),
    Case("phi3-window", "phi3", PHI3 | {"sliding_window": 37}, dtype="BF16", shards=2),
    Case("phi3-longrope", "phi3", PHI3 | LONGROPE),
    Case("phi", "phi", LLAMA_LIKE | {"partial_rotary_factor": 0.4}),
    Case("phi-qk-norm", "phi", LLAMA_LIKE | {"partial_rotary_factor": 0.6, "qk_layernorm": True}),
    Case("gpt_neo", "gpt_neo", GPT_NEO),
    Case("gptj", "gptj", GPTJ),
    Case("codegen", "codegen", GPTJ),
    Case("opt", "opt", OPT),
    Case("opt-350m", "opt", OPT | OPT_350M, shards=2),
    Case("bloom", "bloom", BLOOM, shifted=True),
    Case("bloom-9-heads", "bloom", BLOOM | {"n_head": 9}, shifted=True),
    Case("falcon", "falcon", FALCON),
    Case("refined-web-model", "falcon", FALCON, ours=REFINED | {"model_type": "RefinedWebModel"}),
    Case(
        "refined-web",
        "falcon",
        FALCON | FALCON_40B,
        ours=REFINED | {"model_type": "RefinedWeb", "n_head_kv": 2, "num_kv_heads": None},
    ),
    Case("falcon-40b", "falcon", FALCON | FALCON_40B, dtype="BF16"),
    Case("falcon-11b", "falcon", FALCON | FALCON_40B | {"num_ln_in_parallel_attn": 1}),
    Case("falcon-rw", "falcon", FALCON | FALCON_RW, shifted=True),
    Case("mpt", "mpt", MPT, shifted=True),
    Case("mpt-steep", "mpt", MPT | {"attn_config": {"alibi_bias_max": 5}}, shifted=True),
    Case("mpt-clipped", "mpt", MPT | CLIPPED, shifted=True),
    Case("starcoder2", "starcoder2", LLAMA_LIKE),
    Case("starcoder2-window", "starcoder2", LLAMA_LIKE | {"sliding_window": 37, "use_bias": False}, dtype="BF16"),
    Case("gpt_bigcode", "gpt_bigcode", BIGCODE),
    Case("gpt_bigcode-many", "gpt_bigcode", BIGCODE | {"multi_query": False}),
    Case("stablelm", "stablelm", LLAMA_LIKE | {"partial_rotary_factor": 0.4, "use_qkv_bias": True}),
    Case("stablelm-12b", "stablelm", STABLELM_12B),
    Case("cohere", "cohere", LLAMA_LIKE | {"logit_scale": 0.5}),
    Case("cohere-qk-norm", "cohere", LLAMA_LIKE | {"use_qk_norm": True}),
    Case("cohere2", "cohere2", COHERE2),
    Case("cohere2-own-key", "cohere2", COHERE2, ours={"_sliding_window_pattern": 3, "layer_types": None}),
    Case("nemotron", "nemotron", LLAMA_LIKE | {"hidden_size": 44, "head_dim": 12}),
)
