"""AFM (Arcee 2025): Llama's layers with a plain MLP and squared ReLU."""

from dataclasses import replace

from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain


def read(config: Config) -> Architecture:
    config.assume({"hidden_act": "relu2", "rms_norm_eps": 1e-5})
    layer = replace(plain_layer(config), mlp=Plain(activation(config.word("hidden_act"))))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


FAMILY = Family(read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
