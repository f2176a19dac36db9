"""GPT-2 and Llama, with the switches that change their arithmetic."""

from tests.parity.models.cases import Case

GPT2 = {"n_embd": 24, "n_head": 3, "n_layer": 2, "n_positions": 256, "vocab_size": 101}
LLAMA = {
    "hidden_size": 24,
    "intermediate_size": 37,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
LINEAR = {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0}}
DYNAMIC = {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}
SHORT = LLAMA | {"max_position_embeddings": 64}

CASES = (
    Case("gpt2", "gpt2", GPT2),
    Case("gpt2-by-layer", "gpt2", GPT2 | {"scale_attn_by_inverse_layer_idx": True}),
    Case("gpt2-unscaled", "gpt2", GPT2 | {"scale_attn_weights": False}, dtype="F16"),
    Case("llama", "llama", LLAMA),
    Case("llama-wide-heads", "llama", LLAMA | {"head_dim": 10, "attention_bias": True, "mlp_bias": True}),
    Case("llama-tied", "llama", LLAMA | {"tie_word_embeddings": True}, dtype="BF16", shards=3),
    Case(
        "llama-linear",
        "llama",
        LLAMA | LINEAR,
    ),
    Case(
        "llama-dynamic",
        "llama",
        SHORT | DYNAMIC,
    ),
    Case(
        "llama-3.1",
        "llama",
        LLAMA
        | {
            "rope_parameters": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 500.0,
            }
        },
    ),
    Case(
        "llama-yarn",
        "llama",
        LLAMA
        | {
            "rope_parameters": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 1e4,
            }
        },
    ),
    Case(
        "llama-longrope",
        "llama",
        LLAMA
        | {
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "longrope",
                "short_factor": [1.0, 1.1, 1.3, 1.7],
                "long_factor": [1.0, 2.0, 5.0, 9.0],
                "original_max_position_embeddings": 64,
                "rope_theta": 1e4,
            },
        },
    ),
)
