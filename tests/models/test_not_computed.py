"""Model types that are not computed: true words about them, and their nearest kin."""

from typing import Any

import pytest

from attn_cli.errors import DocumentError
from attn_cli.models.families import FAMILIES
from attn_cli.models.files.config import Config
from attn_cli.models.files.model_type import model_type_of
from attn_cli.models.not_computed import KIN, not_computed

HYBRIDS: dict[str, tuple[dict[str, Any], str]] = {
    "qwen3_next": ({"num_hidden_layers": 8, "full_attention_interval": 4}, "of its 8 layers 3, 7 attend"),
    "qwen3_5_text": (
        {"num_hidden_layers": 3, "layer_types": ["linear_attention", "full_attention", "linear_attention"]},
        "of its 3 layers 1 attend",
    ),
    "jamba": (
        {"num_hidden_layers": 16, "attn_layer_period": 8, "attn_layer_offset": 4},
        "of its 16 layers 4, 12 attend",
    ),
    "bamba": ({"num_hidden_layers": 12, "attn_layer_indices": [2, 9]}, "of its 12 layers 2, 9 attend"),
    "kimi_linear": (
        {"num_hidden_layers": 8, "linear_attn_config": {"full_attn_layers": [4, 8], "kda_layers": [1, 2, 3, 5, 6, 7]}},
        "of its 8 layers 3, 7 attend",
    ),
    "nemotron_h": ({"num_hidden_layers": 6, "hybrid_override_pattern": "M-M*-M"}, "of its 6 layers 3 attend"),
    "falcon_h1": ({"num_hidden_layers": 4}, "each of its 4 layers has attention and a recurrent part"),
    "zamba2": ({"num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "mamba"]}, "of its 3 layers 1 attend"),
    "recurrent_gemma": (
        {"num_hidden_layers": 7, "block_types": ["recurrent", "recurrent", "attention"]},
        "of its 7 layers 2, 5 attend",
    ),
    "minimax": ({"num_hidden_layers": 4, "attn_type_list": [0, 1, 0, 1]}, "of its 4 layers 1, 3 attend"),
    "lfm2": ({"num_hidden_layers": 4, "full_attn_idxs": [2]}, "of its 4 layers 2 attend"),
    "a_new_one": ({"num_hidden_layers": 2, "layer_types": ["full_attention", "mamba"]}, "of its 2 layers 0 attend"),
    "zamba": ({"num_hidden_layers": "many"}, "some of its layers attend, others are recurrent"),
    "mamba2": ({"num_hidden_layers": 4}, "has no attention: all its layers are recurrent"),
}


@pytest.mark.parametrize("kind", HYBRIDS)
def test_a_hybrid_says_which_of_its_layers_attend(kind: str) -> None:
    values, words = HYBRIDS[kind]
    error = not_computed(Config({"model_type": kind, **values}, "config.json"), kind)
    assert words in error.message
    assert "whose layers all attend" in error.hint


@pytest.mark.parametrize("damage", [None, "x", [], [1], {}, 10**9, -1, True])
@pytest.mark.parametrize("kind", [kind for kind in HYBRIDS if kind != "mamba2"])
def test_a_hybrid_with_damaged_values_is_refused_all_the_same(kind: str, damage: object) -> None:
    values, _ = HYBRIDS[kind]
    for key in values:
        error = not_computed(Config({"model_type": kind, **values, key: damage}, "config.json"), kind)
        assert error.message
        assert len(error.message) < 400


def test_a_hybrid_inside_a_model_of_images_is_one() -> None:
    text = {"model_type": "qwen3_5_text", "num_hidden_layers": 4, "full_attention_interval": 4}
    error = not_computed(Config({"model_type": "qwen3_5", "text_config": text}, "config.json"), "qwen3_5")
    assert "of its 4 layers 3 attend" in error.message


KIN_OF = {
    "qwen": "qwen2, qwen3",
    "internlm2": "llama, internlm3",
    "nomic_bert": "modernbert, bert",
    "chatglm": "glm, glm4",
    "phi-msft": "phi",
    "longformer": "roberta",
    "gemma7": "gemma, gemma2, gemma3",
    "gpt9": "gpt2, gpt_bigcode, gpt_neo",
}


@pytest.mark.parametrize("kind", KIN_OF)
def test_the_nearest_kin_is_named_and_not_every_family(kind: str) -> None:
    hint = not_computed(Config({}, "config.json"), kind).hint
    assert f"attn computes {KIN_OF[kind]}: take such a model" in hint
    assert len(hint) < 200


def test_other_senses_and_strangers_have_short_hints() -> None:
    for kind, words in (("whisper", "it reads sound"), ("clip", "it reads images"), ("zzz", "attn manual checkpoints")):
        assert words in not_computed(Config({}, "config.json"), kind).hint
    inner = {"text_config": {"model_type": "llama"}}
    assert "its part for text is 'llama'" in not_computed(Config(inner, "config.json"), "llava").hint


def test_kin_are_computed_and_their_kin_are_not() -> None:
    assert {name for names in KIN.values() for name in names} <= set(FAMILIES)
    assert not set(KIN) & set(FAMILIES)


CLASSES = {
    "BertForMaskedLM": "bert",
    "BertModel": "bert",
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoXForCausalLM": "gpt_neox",
    "XLMRobertaForSequenceClassification": "xlm-roberta",
    "DebertaV2Model": "deberta-v2",
    "T5ForConditionalGeneration": "t5",
    "T5WithLMHeadModel": "t5",
    "MarianMTModel": "marian",
    "M2M100ForConditionalGeneration": "m2m_100",
    "LLaMAForCausalLM": "llama",
    "Gemma3ForCausalLM": "gemma3_text",
    "Gemma3ForConditionalGeneration": "gemma3",
    "RWForCausalLM": "RefinedWebModel",
    "GPTBigCodeForCausalLM": "gpt_bigcode",
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_config_without_a_model_type_is_known_by_its_class(name: str) -> None:
    config = Config({"architectures": [name]}, "config.json")
    assert model_type_of(config, FAMILIES) == CLASSES[name]
    assert config.word("model_type") == CLASSES[name]
    assert name in config.notes[0]


def test_what_names_neither_says_what_to_add() -> None:
    old = {"hidden_size": 768, "type_vocab_size": 2, "num_attention_heads": 12, "directionality": "bidi"}
    for values, hint in ((old, 'add a line "model_type": "bert"'), ({"architectures": 3}, 'add its "model_type"')):
        with pytest.raises(DocumentError, match="lacks model_type") as caught:
            model_type_of(Config(values, "config.json"), FAMILIES)
        assert hint in caught.value.hint


@pytest.mark.parametrize("value", [-1, -1e-5, float("nan"), float("inf"), 10**400, True, "x"])
def test_numbers_that_nothing_can_be_computed_with_are_refused(value: object) -> None:
    with pytest.raises(DocumentError, match="layer_norm_eps: expected"):
        Config({"layer_norm_eps": value}, "config.json").number("layer_norm_eps", 1e-5)
