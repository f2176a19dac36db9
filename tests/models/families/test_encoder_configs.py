"""Configs of encoders and of pairs as older checkpoints spell them: read without a refusal, and read right."""

from typing import Any

import numpy as np
import pytest

from attn_cli.core.masks import Causal, Local, NoMask
from attn_cli.core.positions import POSITIONS
from attn_cli.core.spelling import spell
from attn_cli.errors import DocumentError
from attn_cli.models.families import family_of
from attn_cli.models.family import Architecture
from attn_cli.models.files.config import Config
from attn_cli.models.network.disentangled import Positional
from attn_cli.models.network.mlp import Gated, Plain

USUAL = {
    "architectures": ["SomeForMaskedLM"],
    "gradient_checkpointing": False,
    "initializer_range": 0.02,
    "transformers_version": "4.6.0.dev0",
    "use_cache": True,
    "vocab_size": 101,
}
BERT = USUAL | {
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 36,
    "intermediate_size": 37,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 514,
    "num_attention_heads": 4,
    "num_hidden_layers": 6,
    "pad_token_id": 1,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
}
POOLER = {
    "directionality": "bidi",
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
}
SUMMARY = {
    "embedding_size": 18,
    "summary_activation": "gelu",
    "summary_last_dropout": 0.1,
    "summary_type": "first",
    "summary_use_proj": True,
}
ALBERT = {
    "classifier_dropout_prob": 0.1,
    "down_scale_factor": 1,
    "embedding_size": 18,
    "gap_size": 0,
    "hidden_act": "gelu_new",
    "inner_group_num": 1,
    "net_structure_type": 0,
    "num_hidden_groups": 1,
    "num_memory_blocks": 0,
}
DISTILBERT = USUAL | {
    "activation": "gelu",
    "attention_dropout": 0.1,
    "dim": 36,
    "dropout": 0.1,
    "hidden_dim": 37,
    "max_position_embeddings": 512,
    "n_heads": 4,
    "n_layers": 6,
    "pad_token_id": 0,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
}
MODERNBERT = USUAL | {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "cls_token_id": 1,
    "decoder_bias": True,
    "deterministic_flash_attn": False,
    "embedding_dropout": 0.0,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "hidden_activation": "gelu",
    "hidden_size": 36,
    "initializer_cutoff_factor": 2.0,
    "intermediate_size": 37,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 3,
    "num_hidden_layers": 7,
    "position_embedding_type": "absolute",
    "reference_compile": None,
    "repad_logits_with_grad": False,
    "sep_token_id": 2,
    "sparse_pred_ignore_index": -100,
    "sparse_prediction": False,
    "tie_word_embeddings": True,
}
DEBERTA = BERT | {
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "pooler_dropout": 0,
    "pooler_hidden_act": "gelu",
    "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
    "position_buckets": 256,
    "relative_attention": True,
    "share_att_key": True,
    "type_vocab_size": 0,
}
EUROBERT = USUAL | {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "clf_pooling": "late",
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 64,
    "intermediate_size": 37,
    "mask_token_id": 128002,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "num_attention_heads": 4,
    "num_hidden_layers": 6,
    "num_key_value_heads": 4,
    "pad_token_id": 128001,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 250000,
}
V2 = ("norm_rel_ebd", "position_buckets", "share_att_key")
T5 = USUAL | {
    "d_ff": 37,
    "d_kv": 16,
    "d_model": 64,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
    "eos_token_id": 1,
    "initializer_factor": 1.0,
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-06,
    "n_positions": 512,
    "num_heads": 4,
    "num_layers": 6,
    "output_past": True,
    "pad_token_id": 0,
    "relative_attention_num_buckets": 32,
    "task_specific_params": {"summarization": {"max_length": 200, "num_beams": 4}},
}
FLAN = {"feed_forward_proj": "gated-gelu", "num_decoder_layers": 5, "tie_word_embeddings": False}
BART = USUAL | {
    "_num_labels": 3,
    "activation_dropout": 0.0,
    "activation_function": "gelu",
    "add_bias_logits": False,
    "add_final_layer_norm": False,
    "attention_dropout": 0.0,
    "classif_dropout": 0.0,
    "classifier_dropout": 0.0,
    "d_model": 36,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 37,
    "decoder_layerdrop": 0.0,
    "decoder_layers": 3,
    "decoder_start_token_id": 2,
    "dropout": 0.1,
    "early_stopping": True,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 37,
    "encoder_layerdrop": 0.0,
    "encoder_layers": 4,
    "force_bos_token_to_be_generated": True,
    "forced_eos_token_id": 2,
    "init_std": 0.02,
    "is_encoder_decoder": True,
    "max_position_embeddings": 1024,
    "normalize_before": False,
    "normalize_embedding": True,
    "num_hidden_layers": 4,
    "pad_token_id": 1,
    "prefix": " ",
    "scale_embedding": False,
    "static_position_embeddings": False,
}
FIRST = {"add_final_layer_norm": True, "normalize_before": True}
SINES = {"normalize_embedding": False, "static_position_embeddings": True, "scale_embedding": True}

CONFIGS = {
    "bert": BERT | POOLER | {"output_past": True},
    "roberta": BERT,
    "xlm-roberta": BERT | {"output_past": True, "type_vocab_size": 1},
    "camembert": BERT | {"type_vocab_size": 1},
    "electra": BERT | SUMMARY,
    "albert": BERT | ALBERT,
    "mpnet": BERT | {"relative_attention_num_buckets": 32},
    "distilbert": DISTILBERT,
    "modernbert": MODERNBERT,
    "eurobert": EUROBERT,
    "deberta-v2": DEBERTA,
    "deberta": {key: value for key, value in DEBERTA.items() if key not in V2},
    "t5": T5,
    "mt5": T5 | FLAN | {"tokenizer_class": "T5Tokenizer"},
    "umt5": T5 | FLAN | {"is_gated_act": True, "dense_act_fn": "gelu_new", "scalable_attention": True},
    "bart": BART | {"save_step": 8, "replacing_rate": 0, "extra_pos_embeddings": 2},
    "mbart": BART | FIRST,
    "marian": BART | SINES,
    "m2m_100": BART | SINES | FIRST | {"max_length": 200},
    "pegasus": BART | SINES | FIRST | {"extra_pos_embeddings": 1, "length_penalty": 0.6},
}


def read(model_type: str, changes: dict[str, Any] | None = None) -> Architecture:
    config = Config({**CONFIGS[model_type], "model_type": model_type, **(changes or {})}, "config.json")
    family = family_of(config.word("model_type"))
    architecture = family.read(config)
    config.refuse_unread(family.harmless_keys)
    return architecture


@pytest.mark.parametrize("model_type", CONFIGS)
def test_a_config_as_older_checkpoints_have_it_is_read(model_type: str) -> None:
    counts = {name: [4, 3] for name in ("marian", "pegasus", "bart", "mbart", "m2m_100")}
    counts |= {"t5": [6, 6], "modernbert": [7], "mt5": [6, 5], "umt5": [6, 5]}
    assert [len(stack.layers) for stack in read(model_type).stacks] == counts.get(model_type, [6])


@pytest.mark.parametrize("model_type", ["bert", "roberta", "mpnet", "distilbert", "deberta-v2", "deberta", "eurobert"])
def test_an_encoder_sees_everything_and_predicts_no_next_token(model_type: str) -> None:
    architecture = read(model_type)
    assert architecture.unembedding is None
    assert {layer.mask for layer in architecture.stacks[0].layers} == {NoMask()}


def test_positions_behind_the_padding_token_are_that_many_fewer() -> None:
    plans = [read(name).stacks[0] for name in ("bert", "roberta", "xlm-roberta", "mpnet")]
    assert [plan.max_positions for plan in plans] == [514, 512, 512, 512]
    assert [plan.position_offset for plan in plans] == [0, 2, 2, 2]


def test_every_third_layer_of_modernbert_sees_everything_and_turns_more_slowly() -> None:
    layers = read("modernbert").stacks[0].layers
    near = Local(65)  # half of 128 to either side
    assert [layer.mask for layer in layers] == [NoMask(), near, near, NoMask(), near, near, NoMask()]
    spelled = [spell(layer.rotary.scheme, POSITIONS) for layer in layers[:2] if layer.rotary]
    assert spelled == ["rope:160000", "rope"]
    assert [("before_attention" in layer.norms) for layer in layers] == [False] + [True] * 6


def test_modernbert_with_one_base_for_both_kinds_of_layers() -> None:
    layers = read("modernbert", {"local_rope_theta": 160000.0}).stacks[0].layers
    assert {spell(layer.rotary.scheme, POSITIONS) for layer in layers if layer.rotary} == {"rope:160000"}


def test_t5_scales_what_its_own_embeddings_unembed_and_later_ones_do_not() -> None:
    scales = [
        read(*said).unembedding for said in (("t5",), ("t5", FLAN), ("mt5",), ("mt5", {"tie_word_embeddings": True}))
    ]
    assert [unembedding.scale for unembedding in scales if unembedding] == [64**-0.5, 1.0, 1.0, 1.0]


def test_a_saved_switch_counts_more_than_the_tie_it_came_from() -> None:
    unembedding = read("t5", {"scale_decoder_outputs": False, "tie_word_embeddings": True}).unembedding
    assert unembedding is not None
    assert unembedding.scale == 1.0


def test_the_feed_of_t5_is_plain_and_that_of_later_ones_gated() -> None:
    feeds = [read(*said).stacks[0].layers[0].mlp for said in (("t5",), ("t5", FLAN), ("umt5",))]
    assert [type(mlp) for mlp in feeds] == [Plain, Gated, Gated]


def test_the_encoder_of_t5_alone_is_one_stack() -> None:
    architecture = read("t5", {"is_encoder_decoder": False})
    assert [stack.name for stack in architecture.stacks] == [""]
    assert architecture.unembedding is None


@pytest.mark.parametrize("model_type", ["t5", "bart", "pegasus"])
def test_a_decoder_looks_back_at_itself_and_across_at_everything(model_type: str) -> None:
    encoder, decoder = read(model_type).stacks
    assert (encoder.name, decoder.name) == ("encoder", "decoder")
    assert [(layer.mask, layer.cross) for layer in (encoder.layers[0], decoder.layers[0])] == [
        (NoMask(), False),
        (Causal(), True),
    ]


def test_bart_norms_sums_and_mbart_norms_first() -> None:
    assert [read(name).stacks[1].final_norm is None for name in ("bart", "mbart", "marian", "pegasus")] == [
        True, False, True, False,
    ]  # fmt: skip
    assert [read(name).stacks[0].embed_scale for name in ("bart", "marian")] == [1.0, 6.0]


def test_padding_of_m2m_100_stands_at_its_own_number_and_adds_nothing() -> None:
    for stack in read("m2m_100").stacks:
        places = stack.positions(np.array([5, 1, 7, 9]))
        assert places.tolist() == [2, 1, 3, 4]
        table = stack.sines(places, 7)
        assert not table[1].any()
        assert not table[:, 6].any()
        np.testing.assert_allclose(table[2, [0, 1, 2]], np.sin([3, 3e-2, 3e-4]), rtol=1e-5)
        assert stack.max_positions is None


def test_the_first_deberta_has_no_buckets() -> None:
    positional = read("deberta").stacks[0].layers[0].disentangled
    assert isinstance(positional, Positional)
    assert (positional.span, positional.logarithmic, positional.norm) == (514, False, None)


def test_deberta_scales_by_the_number_of_summands() -> None:
    layer = read("deberta-v2").stacks[0].layers[0]
    assert layer.scale == (9 * 3) ** -0.5
    assert isinstance(layer.disentangled, Positional)
    assert (layer.disentangled.span, layer.disentangled.farthest) == (256, 514)
    alone = read("deberta-v2", {"relative_attention": False, "pos_att_type": None}).stacks[0].layers[0]
    assert alone.disentangled is None
    assert alone.scale == 9**-0.5


@pytest.mark.parametrize(
    ("model_type", "changes", "key"),
    [
        ("bert", {"is_decoder": True}, "is_decoder"),
        ("bert", {"position_embedding_type": "relative_key_query"}, "position_embedding_type"),
        ("roberta", {"add_cross_attention": True}, "add_cross_attention"),
        ("albert", {"num_hidden_groups": 2}, "num_hidden_groups"),
        ("albert", {"inner_group_num": 2}, "inner_group_num"),
        ("mpnet", {"relative_attention_num_buckets": 64}, "relative_attention_num_buckets"),
        ("deberta-v2", {"conv_kernel_size": 3}, "conv_kernel_size"),
        ("deberta-v2", {"embedding_size": 18}, "embedding_size"),
        ("deberta-v2", {"pos_att_type": "c2p|p2p"}, "p2p"),
        ("deberta", {"talking_head": True}, "talking_head"),
        ("deberta", {"position_buckets": 256}, "position_buckets"),
        ("t5", {"is_decoder": True}, "is_decoder"),
        ("bart", {"is_encoder_decoder": False}, "is_encoder_decoder"),
        ("bart", {"normalize_before": True}, "normalize_before"),
        ("pegasus", {"static_position_embeddings": False}, "static_position_embeddings"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(model_type: str, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(DocumentError, match=key):
        read(model_type, changes)
