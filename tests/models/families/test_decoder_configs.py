"""Configs of decoders as older checkpoints spell them: read without a refusal, and read right."""

from typing import Any

import numpy as np
import pytest

from attn_cli.core.masks import Causal, Sliding
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import spell
from attn_cli.errors import DocumentError
from attn_cli.models.families import family_of
from attn_cli.models.family import Architecture
from attn_cli.models.files.config import Config

USUAL = {
    "architectures": ["SomeForCausalLM"],
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.02,
    "torch_dtype": "float16",
    "transformers_version": "4.30.0",
    "use_cache": True,
    "vocab_size": 101,
}
SIZES = {
    "hidden_size": 40,
    "intermediate_size": 37,
    "max_position_embeddings": 2048,
    "num_attention_heads": 2,
    "num_hidden_layers": 4,
}
GPT2_SIZES = {"n_ctx": 2048, "n_embd": 40, "n_head": 2, "n_inner": None, "n_layer": 4, "n_positions": 2048}
DROPOUTS = {"attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1}
SUMMARY = {
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
}
FACTORS = {"long_factor": [1.0] * 9 + [2.0], "short_factor": [1.0] * 10}

OLD: dict[str, dict[str, Any]] = {
    "gpt_neox": SIZES
    | {
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-05,
        "rotary_emb_base": 500,
        "rotary_pct": 0.4,
        "tie_word_embeddings": False,
        "use_parallel_residual": True,
    },
    "phi3": SIZES
    | DROPOUTS
    | {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "auto_map": {},
        "full_attn_mod": 1,
        "hidden_act": "silu",
        "interpolate_factor": 1,
        "lm_head_bias": False,
        "mlp_bias": False,
        "num_key_value_heads": 1,
        "original_max_position_embeddings": 1024,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {"type": "longrope", **FACTORS},
        "rope_theta": 10000.0,
        "sliding_window": 37,
        "tie_word_embeddings": True,
    },
    "phi": SIZES
    | DROPOUTS
    | {
        "attention_dropout": 0.0,
        "hidden_act": "gelu_new",
        "layer_norm_eps": 1e-05,
        "num_key_value_heads": None,
        "partial_rotary_factor": 0.4,
        "qk_layernorm": False,
        "rope_scaling": None,
        "rope_theta": 10000.0,
    },
    "gpt_neo": SUMMARY
    | {
        "activation_function": "gelu_new",
        "attention_dropout": 0,
        "attention_layers": ["global", "local", "global", "local"],
        "attention_types": [[["global", "local"], 2]],
        "embed_dropout": 0,
        "gradient_checkpointing": False,
        "hidden_size": 40,
        "intermediate_size": None,
        "layer_norm_epsilon": 1e-05,
        "max_position_embeddings": 2048,
        "num_heads": 2,
        "num_layers": 4,
        "resid_dropout": 0,
        "window_size": 37,
    },
    "gptj": GPT2_SIZES
    | DROPOUTS
    | SUMMARY
    | {
        "activation_function": "gelu_new",
        "gradient_checkpointing": False,
        "layer_norm_epsilon": 1e-05,
        "rotary": True,
        "rotary_dim": 8,
        "scale_attn_weights": True,
        "task_specific_params": {},
        "tie_word_embeddings": False,
    },
    "opt": SIZES
    | {
        "_remove_final_layer_norm": False,
        "activation_dropout": 0.0,
        "activation_function": "relu",
        "attention_dropout": 0.0,
        "do_layer_norm_before": False,
        "dropout": 0.1,
        "ffn_dim": 37,
        "init_std": 0.02,
        "intermediate_size": None,
        "layerdrop": 0.0,
        "prefix": "</s>",
        "word_embed_proj_dim": 20,
    },
    "bloom": {
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "attention_softmax_in_fp32": True,
        "bias_dropout_fusion": True,
        "hidden_dropout": 0.0,
        "layer_norm_epsilon": 1e-05,
        "masked_softmax_fusion": True,
        "n_embed": 40,
        "n_inner": None,
        "n_layer": 4,
        "num_attention_heads": 2,
        "offset_alibi": 100,
        "pretraining_tp": 1,
        "skip_bias_add": True,
        "skip_bias_add_qkv": False,
        "unk_token_id": 0,
    },
    "falcon": {
        "alibi": False,
        "apply_residual_connection_post_layernorm": False,
        "attention_dropout": 0.0,
        "auto_map": {},
        "bias": False,
        "hidden_dropout": 0.0,
        "hidden_size": 40,
        "layer_norm_epsilon": 1e-05,
        "multi_query": True,
        "new_decoder_architecture": False,
        "num_attention_heads": 2,
        "num_hidden_layers": 4,
        "parallel_attn": True,
    },
    "mpt": {
        "attn_config": {
            "alibi": True,
            "alibi_bias_max": 8,
            "attn_impl": "torch",
            "attn_pdrop": 0,
            "attn_type": "multihead_attention",
            "attn_uses_sequence_id": False,
            "clip_qkv": None,
            "prefix_lm": False,
            "qk_ln": False,
            "softmax_scale": None,
        },
        "d_model": 40,
        "emb_pdrop": 0,
        "embedding_fraction": 1.0,
        "expansion_ratio": 4,
        "init_config": {"name": "kaiming_normal_"},
        "init_device": "cpu",
        "learned_pos_emb": True,
        "logit_scale": None,
        "max_seq_len": 2048,
        "n_heads": 2,
        "n_layers": 4,
        "no_bias": True,
        "norm_type": "low_precision_layernorm",
        "resid_pdrop": 0,
        "tokenizer_name": "EleutherAI/gpt-neox-20b",
        "verbose": 0,
    },
    "starcoder2": SIZES
    | {
        "attention_dropout": 0.1,
        "attention_softmax_in_fp32": True,
        "embedding_dropout": 0.1,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_epsilon": 1e-05,
        "mlp_type": "default",
        "norm_epsilon": 1e-05,
        "norm_type": "layer_norm",
        "num_key_value_heads": 2,
        "residual_dropout": 0.1,
        "rope_theta": 999999.4,
        "scale_attention_softmax_in_fp32": True,
        "scale_attn_weights": True,
        "sliding_window": 37,
        "use_bias": True,
    },
    "gpt_bigcode": GPT2_SIZES
    | DROPOUTS
    | SUMMARY
    | {
        "activation_function": "gelu_pytorch_tanh",
        "attention_softmax_in_fp32": True,
        "inference_runner": 0,
        "layer_norm_epsilon": 1e-05,
        "max_batch_size": None,
        "max_sequence_length": None,
        "multi_query": True,
        "pad_key_length": True,
        "pre_allocate_kv_cache": False,
        "scale_attention_softmax_in_fp32": True,
        "scale_attn_weights": True,
        "validate_runner_input": True,
    },
    "stablelm": SIZES
    | {
        "hidden_act": "silu",
        "layer_norm_eps": 1e-05,
        "num_key_value_heads": 2,
        "partial_rotary_factor": 0.4,
        "qk_layernorm": False,
        "rope_theta": 10000,
        "tie_word_embeddings": False,
        "use_parallel_residual": False,
        "use_qkv_bias": False,
    },
    "cohere2": SIZES
    | {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "cache_implementation": "hybrid",
        "head_dim": 20,
        "hidden_act": "silu",
        "layer_norm_eps": 1e-05,
        "layer_switch": 4,
        "logit_scale": 0.25,
        "num_key_value_heads": 1,
        "order_of_interleaved_layers": "local_attn_first",
        "position_embedding_type": "rope_gptj",
        "rope_scaling": None,
        "rope_theta": 50000,
        "rotary_pct": 1.0,
        "sliding_window": 37,
        "sliding_window_pattern": 4,
        "use_embedding_sharing": True,
        "use_gated_activation": True,
        "use_parallel_block": True,
        "use_parallel_embedding": True,
    },
    "nemotron": SIZES
    | {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "head_dim": 20,
        "hidden_act": "relu2",
        "mlp_bias": False,
        "norm_eps": 1e-05,
        "num_key_value_heads": 1,
        "partial_rotary_factor": 0.4,
        "rope_scaling": None,
        "rope_theta": 10000,
        "tie_word_embeddings": False,
    },
}


def read(model_type: str, changes: dict[str, Any] | None = None) -> Architecture:
    config = Config({**USUAL, "model_type": model_type, **OLD[model_type], **(changes or {})}, "config.json")
    family = family_of(model_type)
    found = family.read(config)
    config.refuse_unread(family.harmless_keys)
    return found


@pytest.mark.parametrize("model_type", OLD)
def test_a_config_as_older_checkpoints_have_it_is_read(model_type: str) -> None:
    (stack,) = read(model_type).stacks
    assert [(layer.heads, layer.d_k) for layer in stack.layers] == [(2, 20)] * 4


@pytest.mark.parametrize(
    ("model_type", "spelled"),
    [
        ("gpt_neox", "rope:500,dim=8"),
        ("phi", "rope:dim=8"),
        ("gptj", "rope:style=interleaved,dim=8"),
        ("starcoder2", "rope:999999.4"),
        ("stablelm", "rope:dim=8"),
        ("nemotron", "rope:dim=8"),
    ],
)
def test_old_keys_say_how_heads_are_rotated(model_type: str, spelled: str) -> None:
    rotary = read(model_type).stacks[0].layers[0].rotary
    assert rotary is not None
    assert spell(rotary.scheme, POSITIONS) == spelled


def test_the_long_factors_of_phi_3_count_for_texts_longer_than_those_of_training() -> None:
    rotary = read("phi3").stacks[0].layers[0].rotary
    assert rotary is not None
    short, long = rotary.frequencies(1024), rotary.frequencies(1025)
    np.testing.assert_allclose(short / long, [1.0] * 9 + [2.0], rtol=1e-6)
    assert rotary.factor == pytest.approx((1 + np.log(2) / np.log(1024)) ** 0.5)


@pytest.mark.parametrize(
    ("model_type", "masks"),
    [
        ("phi3", [Sliding(37)] * 4),
        ("gpt_neo", [Causal(), Sliding(37)] * 2),
        ("cohere2", [Sliding(37)] * 3 + [Causal()]),
        ("falcon", [Causal()] * 4),
    ],
)
def test_old_keys_say_which_layers_look_through_a_window(model_type: str, masks: list[Any]) -> None:
    assert [layer.mask for layer in read(model_type).stacks[0].layers] == masks


def test_a_layer_of_cohere_2_that_sees_everything_does_not_rotate() -> None:
    assert [layer.rotary is None for layer in read("cohere2").stacks[0].layers] == [False, False, False, True]


@pytest.mark.parametrize(
    ("model_type", "changes", "key"),
    [
        ("bloom", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        ("falcon", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        ("mpt", {"attn_config": {"prefix_lm": True}}, "prefix_lm"),
        ("mpt", {"attn_config": {"qk_ln": True}}, "qk_ln"),
        ("mpt", {"attn_config": {"alibi": False}}, "alibi"),
        ("mpt", {"attn_config": {"attn_type": "multiquery_attention"}}, "attn_type"),
        ("mpt", {"logit_scale": "inv_sqrt_d_model"}, "logit_scale"),
        ("mpt", {"norm_type": "rmsnorm"}, "norm_type"),
        ("gptj", {"rotary": False}, "rotary"),
        ("gpt_neo", {"attention_types": [[["global"], 3]]}, "attention_types"),
        ("starcoder2", {"mlp_type": "gated"}, "mlp_type"),
        ("gpt_bigcode", {"add_cross_attention": True}, "add_cross_attention"),
        ("cohere2", {"use_parallel_block": False}, "use_parallel_block"),
        ("phi", {"some_new_key": 1}, "some_new_key"),
        ("phi", {"partial_rotary_factor": 0.25}, "5 features of a head of width 20"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(model_type: str, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(DocumentError, match=key):
        read(model_type, changes)
