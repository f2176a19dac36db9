"""Configs of decoders since Mistral as older checkpoints spell them: read without a refusal, and read right."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attn_cli.core.masks import Causal, Chunked, Local, Mask, NoMask, Sliding
from attn_cli.core.positions import QueryScaling, Rope
from attn_cli.errors import DocumentError
from attn_cli.models.families import family_of
from attn_cli.models.family import Architecture
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.experts import Best, Experts
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan

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
LLAMA4 = {
    **EXPERTS,
    "attention_chunk_size": 64,
    "attn_scale": 0.1,
    "attn_temperature_tuning": 4,
    "cache_implementation": "hybrid",
    "floor_scale": 8192,
    "for_llm_compressor": False,
    "head_dim": 16,
    "interleave_moe_layer_step": 2,
    "intermediate_size_mlp": 41,
    "no_rope_layers": [],
    "num_local_experts": 7,
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 64,
        "rope_type": "llama3",
    },
    "router_jitter_noise": 0.0,
    "use_qk_norm": True,
}
MINISTRAL3 = {
    "head_dim": 16,
    "rope_parameters": {
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "factor": 16.0,
        "llama_4_scaling_beta": 0.1,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
        "original_max_position_embeddings": 64,
        "rope_theta": 1e6,
        "rope_type": "yarn",
        "type": "yarn",
    },
    "sliding_window": None,
}
MIXED = {
    "first_k_dense_replace": 1,
    "moe_intermediate_size": 11,
    "n_group": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "routed_scaling_factor": 1.0,
    "topk_group": 1,
}
DEEPSEEK2 = {
    **MIXED,
    "aux_loss_alpha": 0.001,
    "ep_size": 1,
    "kv_lora_rank": 13,
    "moe_layer_freq": 1,
    "norm_topk_prob": False,
    "pretraining_tp": 1,
    "q_lora_rank": None,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "scoring_func": "softmax",
    "seq_aux": True,
    "topk_method": "greedy",
    "v_head_dim": 12,
}
GLM_MIXED = {**MIXED, "head_dim": 16, "num_nextn_predict_layers": 1, "partial_rotary_factor": 0.5}
EXAONE = {"layer_types": PATTERN["layer_types"], "sliding_window": 512, "sliding_window_pattern": "LLLG"}
GRANITE4 = {
    **GRANITE,
    "layer_types": ["attention"] * 8,
    "mamba_chunk_size": 256,
    "mamba_d_head": 64,
    "mamba_n_heads": 48,
    "num_experts_per_tok": 0,
    "num_local_experts": 0,
    "position_embedding_type": "rope",
    "shared_intermediate_size": 37,
}
PHIMOE: dict[str, Any] = {
    "attention_bias": True,
    "hidden_dropout": 0.0,
    "input_jitter_noise": 0.01,
    "lm_head_bias": True,
    "num_experts_per_tok": 2,
    "num_local_experts": 7,
    "original_max_position_embeddings": 4096,
    "rope_scaling": {
        "long_factor": [1.0, 1.1, 2.0, 5.0, 7.0],
        "long_mscale": 1.24,
        "original_max_position_embeddings": 4096,
        "short_factor": [1.0, 1.0, 1.1, 1.2, 1.5],
        "short_mscale": 1.24,
        "type": "longrope",
    },
    "router_jitter_noise": 0.01,
    "sliding_window": 4096,
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
    family = family_of(model_type)
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
        ("llama4_text", LLAMA4, [*[Chunked(64)] * 3, CAUSAL] * 2),
        ("llama4_text", LLAMA4 | {"attention_chunk_size": None}, [CAUSAL] * 8),
        ("llama4_text", {}, [*[Chunked(8192)] * 3, CAUSAL] * 2),
        ("ministral3", MINISTRAL3, [CAUSAL] * 8),
        ("deepseek_v2", DEEPSEEK2, [CAUSAL] * 8),
        ("glm4_moe", GLM_MIXED | {"use_qk_norm": True}, [CAUSAL] * 8),
        ("dots1", MIXED | {"max_window_layers": 6, "sliding_window": 512}, [CAUSAL] * 6 + [WINDOW] * 2),
        ("dots1", MIXED | {"sliding_window": None}, [CAUSAL] * 8),
        ("arcee", {"hidden_act": "relu2"}, [CAUSAL] * 8),
        ("apertus", {"hidden_act": "xielu", "post_norm": False, "qk_norm": True}, [CAUSAL] * 8),
        ("ernie4_5", {"head_dim": 16, "use_bias": False}, [CAUSAL] * 8),
        ("helium", {"head_dim": 16}, [CAUSAL] * 8),
        ("exaone", {"activation_function": "silu", "embed_dropout": 0.0, "head_dim": 16}, [CAUSAL] * 8),
        ("internlm3", {"bias": False, "head_dim": 16, "qkv_bias": False}, [CAUSAL] * 8),
        ("exaone4", EXAONE, [WINDOW, WINDOW, WINDOW, CAUSAL] * 2),
        ("exaone4", {"sliding_window": 512}, [WINDOW, WINDOW, WINDOW, CAUSAL] * 2),
        ("exaone4", {"sliding_window": None, "sliding_window_pattern": None}, [CAUSAL] * 8),
        ("seed_oss", {"attention_out_bias": False, "residual_dropout": 0.1}, [CAUSAL] * 8),
        ("granitemoe", GRANITE | EXPERTS | {"num_local_experts": 7}, [CAUSAL] * 8),
        ("granitemoehybrid", GRANITE4, [CAUSAL] * 8),
        ("phimoe", PHIMOE, [Sliding(4096)] * 8),
        ("flex_olmo", EXPERTS | {"norm_topk_prob": False, "num_experts": 7}, [CAUSAL] * 8),
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
    family = family_of("gemma3")
    (stack,) = family.read(config).stacks
    config.refuse_unread(family.harmless_keys)
    assert (stack.layers[0].heads, stack.layers[0].kv_heads, stack.layers[0].d_k) == (8, 4, 256)
    assert [layer.mask for layer in stack.layers] == [WINDOW] * 5 + [CAUSAL] + [WINDOW]


def test_gemma_3_scales_the_rotation_of_full_attention_alone() -> None:
    local, full = (layers("gemma3_text", GEMMA3)[number].rotary for number in (0, 3))
    assert local is not None
    assert full is not None
    np.testing.assert_allclose(local.frequencies(7)[1], 100 ** (-1 / 8), rtol=1e-6)
    np.testing.assert_allclose(full.frequencies(7)[1], 500 ** (-1 / 8) / 8, rtol=1e-6)


def test_olmo_3_stretches_full_attention_alone() -> None:
    local, full = (layers("olmo3", {"rope_scaling": YARN})[number].rotary for number in (0, 3))
    assert local is not None
    assert full is not None
    assert local.factor == 1
    assert full.factor > 1.2


def test_glm_rotates_neighbours_in_half_of_a_head() -> None:
    rotary = layers("glm", {"head_dim": 16})[0].rotary
    assert rotary is not None
    assert rotary.scheme == Rope(500, "interleaved", dim=8)


def test_smollm3_leaves_every_fourth_layer_without_positions() -> None:
    assert [layer.rotary is None for layer in layers("smollm3", SMOLLM)] == [False, False, False, True] * 2
    del (said := dict(SMOLLM))["no_rope_layers"]
    assert [layer.rotary is None for layer in layers("smollm3", said)] == [False, False, False, True] * 2


def test_the_unrotated_layers_of_llama_4_let_queries_grow_and_norm_none() -> None:
    turned, still = (layers("llama4_text", LLAMA4)[number] for number in (0, 3))
    assert (turned.query_scaling, still.rotary, still.qk_norm) == (None, None, None)
    assert still.query_scaling == QueryScaling(0.1, 8192, ahead=1)
    assert turned.qk_norm is not None
    assert [isinstance(layer.mlp, Experts) for layer in layers("llama4_text", LLAMA4)] == [False, True] * 4
    even = layers("llama4_text", LLAMA4 | {"attn_temperature_tuning": False, "use_qk_norm": False})
    assert {(layer.query_scaling, layer.qk_norm) for layer in even} == {(None, None)}


def test_mistral_3_with_images_is_of_the_kind_that_its_text_says() -> None:
    def stack(**text: Any) -> LayerPlan:
        values = {"model_type": "mistral3", "spatial_merge_size": 2, "vision_config": {}, "text_config": LLAMA | text}
        config, family = Config(values, "config.json"), family_of("mistral3")
        found: LayerPlan = family.read(config).stacks[0].layers[0]
        config.refuse_unread(family.harmless_keys)
        return found

    assert stack(sliding_window=512).mask == WINDOW
    assert stack(model_type="mistral", sliding_window=None).query_scaling is None
    assert stack(model_type="ministral3", **MINISTRAL3).query_scaling == QueryScaling(0.1, 64)
    with pytest.raises(DocumentError, match="model_type is 'qwen2'"):
        stack(model_type="qwen2")


def test_exaone_has_names_of_its_own_for_what_others_name_otherwise() -> None:
    said = {
        key: value for key, value in LLAMA.items() if key not in ("hidden_act", "num_hidden_layers", "rms_norm_eps")
    }
    own = {"activation_function": "relu", "layer_norm_epsilon": 1e-4, "model_type": "exaone", "num_layers": 3}
    config, family = Config(said | own, "config.json"), family_of("exaone")
    layers = family.read(config).stacks[0].layers
    config.refuse_unread(family.harmless_keys)
    layer = layers[0]
    assert (len(layers), layer.norm.eps) == (3, 1e-4)
    assert isinstance(layer.mlp, Gated)
    assert layer.mlp.act is activation("relu")


def test_exaone_4_rotates_where_it_looks_through_a_window_or_has_none() -> None:
    assert [layer.rotary is None for layer in layers("exaone4", EXAONE)] == [False, False, False, True] * 2
    assert not any(layer.rotary is None for layer in layers("exaone4", {"sliding_window": None}))


def test_granite_4_has_experts_or_the_shared_one_alone_and_may_not_rotate() -> None:
    assert not isinstance(layers("granitemoehybrid", GRANITE4)[0].mlp, Experts)
    some = GRANITE4 | {"num_experts_per_tok": 3, "num_local_experts": 7, "position_embedding_type": "nope"}
    assert isinstance(layers("granitemoehybrid", some)[0].mlp, Experts)
    assert layers("granitemoehybrid", some)[0].rotary is None


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
    assert [isinstance(layer.mlp, Experts) for layer in found] == [False, True, False, True, False, False, False, True]
    experts = found[1].mlp
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
        ("llama4_text", LLAMA4 | {"layer_types": ["sliding_attention"] * 8}, "layer_types"),
        ("llama4_text", LLAMA4 | {"attention_chunk_size": None, "layer_types": ["chunked_attention"] * 8}, "chunks"),
        ("llama4_text", LLAMA4 | {"rope_scaling": YARN}, "use_qk_norm"),
        ("ministral3", {"rope_scaling": YARN}, "llama_4_scaling_beta"),
        ("mistral", {"rope_scaling": MINISTRAL3["rope_parameters"]}, "llama_4_scaling_beta"),
        ("deepseek_v2", DEEPSEEK2 | {"topk_method": "noaux_tc"}, "topk_method"),
        ("deepseek_v2", DEEPSEEK2 | {"norm_topk_prob": True}, "norm_topk_prob"),
        ("deepseek_v2", DEEPSEEK2 | {"rope_interleave": False}, "rope_interleave"),
        ("glm4_moe", GLM_MIXED | {"mlp_layer_types": ["dense"]}, "mlp_layer_types"),
        ("glm4_moe", GLM_MIXED | {"scoring_func": "softmax"}, "scoring_func"),
        ("apertus", {"hidden_act": "silu"}, "hidden_act"),
        ("apertus", {"hidden_act": "xielu", "qk_norm": False}, "qk_norm"),
        ("exaone4", {"sliding_window": 512, "sliding_window_pattern": "LLLG"}, "sliding_window_pattern"),
        ("phimoe", PHIMOE | {"rope_scaling": PHIMOE["rope_scaling"] | {"long_mscale": 1.3}}, "long_mscale"),
        ("phimoe", PHIMOE | {"num_experts_per_tok": 3}, "num_experts_per_tok"),
        ("granitemoehybrid", GRANITE4 | {"layer_types": ["mamba", "attention"] * 4}, "layer_types"),
        ("granitemoehybrid", GRANITE4 | {"position_embedding_type": "learned"}, "position_embedding_type"),
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
    assert local.mlp is full.mlp
    assert replace(local, mask=full.mask).scale == full.scale
