"""Configs of decoders since Mistral as older checkpoints spell them: read without a refusal, and read right."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attn_cli.core.masks import Causal, Local, Mask, NoMask, Sliding
from attn_cli.errors import DocumentError
from attn_cli.models.config import Config
from attn_cli.models.experts import Best, Experts
from attn_cli.models.families import family_of
from attn_cli.models.family import Architecture
from attn_cli.models.plan import LayerPlan

LLAMA = {
    "architectures": ["SomeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 40,
    "initializer_range": 0.02,
    "intermediate_size": 37,
    "max_position_embeddings": 32768,
    "num_attention_heads": 4,
    "num_hidden_layers": 8,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_scaling": None,
    "rope_theta": 500.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.48.0",
    "use_cache": True,
    "vocab_size": 101,
}
QWEN = {"max_window_layers": 6, "sliding_window": 512, "use_mrope": False, "use_sliding_window": False}
EXPERTS = {"num_experts_per_tok": 3, "output_router_logits": False, "router_aux_loss_coef": 0.001}
QWEN_EXPERTS = {
    **QWEN,
    **EXPERTS,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "moe_intermediate_size": 11,
    "norm_topk_prob": True,
    "num_experts": 7,
}
GEMMA2 = {
    "attn_logit_softcapping": 50.0,
    "cache_implementation": "hybrid",
    "final_logit_softcapping": 30.0,
    "head_dim": 16,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "query_pre_attn_scalar": 144,
    "sliding_window": 512,
}
GEMMA3 = {
    **GEMMA2,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "rope_local_base_freq": 100.0,
    "sliding_window_pattern": 4,
    "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
}
YARN = {"factor": 8.0, "original_max_position_embeddings": 64, "rope_type": "yarn"}
PATTERN = {"layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * 2}
GPT_OSS = {
    **EXPERTS,
    **PATTERN,
    "experts_per_token": 3,
    "head_dim": 16,
    "initial_context_length": 4096,
    "num_local_experts": 7,
    "rope_scaling": YARN | {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": False},
    "sliding_window": 128,
    "swiglu_limit": 7.0,
}
GRANITE = {
    "attention_multiplier": 0.015625,
    "embedding_multiplier": 12.0,
    "logits_scaling": 8.0,
    "mlp_bias": False,
    "residual_multiplier": 0.22,
}
SMOLLM = {
    "layer_types": ["full_attention"] * 8,
    "max_window_layers": 28,
    "no_rope_layer_interval": 4,
    "no_rope_layers": [1, 1, 1, 0] * 2,
    "sliding_window": None,
    "use_sliding_window": False,
}


def read(model_type: str, *said: dict[str, Any]) -> Architecture:
    values = {"model_type": model_type, **LLAMA, **{key: value for some in said for key, value in some.items()}}
    config = Config(values, "config.json")
    family = family_of(model_type, "config.json")
    architecture = family.read(config)
    config.refuse_unread(family.harmless_keys)
    return architecture


def layers(model_type: str, *said: dict[str, Any]) -> tuple[LayerPlan, ...]:
    return read(model_type, *said).stacks[0].layers


def masks(model_type: str, *said: dict[str, Any]) -> list[Mask]:
    return [layer.mask for layer in layers(model_type, *said)]


CAUSAL, WINDOW = Causal(), Sliding(512)


@pytest.mark.parametrize(
    ("model_type", "said", "expected"),
    [
        ("mistral", {"sliding_window": 512}, [WINDOW] * 8),
        ("mistral", {"sliding_window": None}, [CAUSAL] * 8),
        ("mistral", {}, [Sliding(4096)] * 8),
        ("mixtral", {**EXPERTS, "num_local_experts": 7, "router_jitter_noise": 0.0}, [CAUSAL] * 8),
        ("qwen2", QWEN, [CAUSAL] * 8),
        ("qwen2", QWEN | {"use_sliding_window": True}, [CAUSAL] * 6 + [WINDOW] * 2),
        ("qwen3", QWEN | {"head_dim": 16, "sliding_window": None}, [CAUSAL] * 8),
        ("qwen2_moe", QWEN_EXPERTS | {"shared_expert_intermediate_size": 11}, [CAUSAL] * 8),
        ("qwen3_moe", QWEN_EXPERTS | {"head_dim": 16, "sliding_window": None}, [CAUSAL] * 8),
        ("gemma", {"head_dim": 16, "hidden_act": "gelu", "hidden_activation": None}, [CAUSAL] * 8),
        ("gemma2", GEMMA2, [WINDOW, CAUSAL] * 4),
        ("gemma3_text", GEMMA3, [WINDOW, WINDOW, WINDOW, CAUSAL] * 2),
        ("gemma3_text", GEMMA3 | {"use_bidirectional_attention": True}, [*[Local(257)] * 3, NoMask()] * 2),
        ("olmo", {"clip_qkv": None}, [CAUSAL] * 8),
        ("olmo2", {}, [CAUSAL] * 8),
        ("olmo3", PATTERN | {"sliding_window": 512}, [WINDOW, WINDOW, WINDOW, CAUSAL] * 2),
        ("olmo3", {"sliding_window": 512}, [WINDOW, WINDOW, WINDOW, CAUSAL] * 2),
        ("olmoe", {**EXPERTS, "clip_qkv": None, "norm_topk_prob": False, "num_experts": 7}, [CAUSAL] * 8),
        ("gpt_oss", GPT_OSS, [Sliding(128), Sliding(128), Sliding(128), CAUSAL] * 2),
        ("granite", GRANITE, [CAUSAL] * 8),
        ("smollm3", SMOLLM, [CAUSAL] * 8),
        ("glm", {"head_dim": 16, "partial_rotary_factor": 0.5}, [CAUSAL] * 8),
        ("glm4", {"head_dim": 16, "partial_rotary_factor": 0.5}, [CAUSAL] * 8),
    ],
)
def test_an_older_config_is_read_and_gives_the_masks_of_its_layers(
    model_type: str, said: dict[str, Any], expected: list[Mask]
) -> None:
    assert masks(model_type, said) == expected


def test_gemma_3_with_images_says_little_of_its_text_and_the_rest_is_assumed() -> None:
    text = {"hidden_size": 40, "model_type": "gemma3_text", "num_hidden_layers": 7, "sliding_window": 512}
    values = {"model_type": "gemma3", "mm_tokens_per_image": 256, "text_config": text, "vision_config": {"depth": 3}}
    config = Config(values, "config.json")
    family = family_of("gemma3", "config.json")
    (stack,) = family.read(config).stacks
    config.refuse_unread(family.harmless_keys)
    assert (stack.layers[0].heads, stack.layers[0].kv_heads, stack.layers[0].d_k) == (8, 4, 256)
    assert [layer.mask for layer in stack.layers] == [WINDOW] * 5 + [CAUSAL] + [WINDOW]


def test_gemma_3_scales_the_rotation_of_full_attention_alone() -> None:
    local, full = (layers("gemma3_text", GEMMA3)[number].rotary for number in (0, 3))
    assert local is not None
    assert full is not None
    np.testing.assert_allclose(local.speeds(7)[1], 100 ** (-1 / 8), rtol=1e-6)
    np.testing.assert_allclose(full.speeds(7)[1], 500 ** (-1 / 8) / 8, rtol=1e-6)


def test_olmo_3_stretches_full_attention_alone() -> None:
    local, full = (layers("olmo3", {"rope_scaling": YARN})[number].rotary for number in (0, 3))
    assert local is not None
    assert full is not None
    assert local.factor == 1
    assert full.factor > 1.2


def test_glm_rotates_neighbours_in_half_of_a_head() -> None:
    rotary = layers("glm", {"head_dim": 16})[0].rotary
    assert rotary is not None
    assert rotary.spelled == "rope:500,style=interleaved,dim=8"


def test_smollm3_leaves_every_fourth_layer_without_positions() -> None:
    assert [layer.rotary is None for layer in layers("smollm3", SMOLLM)] == [False, False, False, True] * 2
    del (said := dict(SMOLLM))["no_rope_layers"]
    assert [layer.rotary is None for layer in layers("smollm3", said)] == [False, False, False, True] * 2


def test_granite_multiplies_embeddings_scores_additions_and_logits() -> None:
    architecture = read("granite", GRANITE)
    (stack,), unembedding = architecture.stacks, architecture.unembedding
    assert unembedding is not None
    assert (stack.embed_scale, stack.layers[0].scale, stack.layers[0].residual_scale) == (12, 0.015625, 0.22)
    assert unembedding.scale == 1 / 8


def test_softcaps_that_are_null_on_purpose_stay_away() -> None:
    said = dict(GEMMA2)
    del said["attn_logit_softcapping"]
    assert layers("gemma2", said)[0].softcap == 50
    assert layers("gemma2", GEMMA2 | {"attn_logit_softcapping": None})[0].softcap is None


def test_layers_without_experts_are_those_that_the_config_names() -> None:
    found = layers("qwen3_moe", QWEN_EXPERTS | {"decoder_sparse_step": 2, "mlp_only_layers": [5]})
    assert [isinstance(layer.feed, Experts) for layer in found] == [False, True, False, True, False, False, False, True]
    experts = found[1].feed
    assert isinstance(experts, Experts)
    assert experts.route == Best(3, among=True)


@pytest.mark.parametrize(
    ("model_type", "said", "named"),
    [
        ("gemma", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ("gemma3_text", GEMMA3 | {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping"),
        ("mistral", {"layer_types": ["full_attention"] * 8}, "layer_types"),
        ("qwen2", {"dual_chunk_attention_config": {"chunk_size": 64}}, "dual_chunk_attention_config"),
        ("qwen2", {"use_mrope": True}, "use_mrope"),
        ("olmoe", EXPERTS | {"clip_qkv": 8.0}, "clip_qkv"),
        ("olmo3", {"layer_types": ["chunked_attention"] * 8}, "layer_types"),
        ("gpt_oss", GPT_OSS | {"hidden_act": "gelu"}, "hidden_act"),
        ("smollm3", {"no_rope_layers": [1, 0]}, "no_rope_layers"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(model_type: str, said: dict[str, Any], named: str) -> None:
    with pytest.raises(DocumentError, match=named):
        read(model_type, said)


@pytest.mark.parametrize("packed", [{"quant_method": "mxfp4"}, {"quant_method": "fp8", "bits": 8}])
def test_packed_weights_are_refused_by_the_name_of_their_method(packed: dict[str, Any]) -> None:
    with pytest.raises(DocumentError, match=packed["quant_method"]):
        Config({"quantization_config": packed}, "config.json").refuse_quantized()


def test_what_a_family_assumes_gives_way_to_the_file_even_to_its_null() -> None:
    config = Config({"said": 3, "null": None}, "config.json").assume({"said": 4, "null": 5, "missing": 6})
    assert [config.get(key, "none") for key in ("said", "null", "missing")] == [3, "none", 6]


def test_plans_of_one_window_differ_in_nothing_else() -> None:
    local, full = layers("gpt_oss", GPT_OSS)[2:4]
    assert local.feed is full.feed
    assert replace(local, mask=full.mask).scale == full.scale
