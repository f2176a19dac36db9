"""StarCoder 2 (arXiv 2402.19173): Llama's attention with a sliding window, LayerNorm, a plain MLP with biases."""

from dataclasses import replace

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, architecture, plain_layer, window
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    config.assume({"hidden_act": "gelu_pytorch_tanh", "num_key_value_heads": 2, "tie_word_embeddings": True})
    config.must_be("mlp_type", "default")
    config.must_be("norm_type", "layer_norm")
    config.must_be("scale_attn_weights", True)
    layer = replace(
        plain_layer(config),
        norm=Norm("layer", config.number("norm_epsilon", 1e-5)),
        mlp=Plain(activation(config.word("hidden_act"))),
        mask=window(config),
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), {**NAMES, **MLP})


MLP: Names = {"up": "layers.{i}.mlp.c_fc", "down": "layers.{i}.mlp.c_proj"}

FAMILY = Family(
    read=read,
    harmless_keys=(
        *HARMLESS_KEYS, "activation_function", "attention_softmax_in_fp32", "embedding_dropout", "layer_norm_epsilon",
        "residual_dropout", "scale_attention_softmax_in_fp32", "use_bias",
    ),
    harmless_tensors=HARMLESS_TENSORS,
)  # fmt: skip
