"""Nemotron and Minitron (arXiv 2402.16819, 2407.14679): Llama's attention, LayerNorm stored minus 1, squared ReLU."""

from dataclasses import replace

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain


def read(config: Config) -> Architecture:
    config.assume({"hidden_act": "relu2", "partial_rotary_factor": 0.5})
    layer = plain_layer(config)
    config.must_be("kv_channels", layer.d_k)
    layer = replace(
        layer,
        norm=Norm("layer", config.number("norm_eps", 1e-5), plus_one=True),
        mlp=Plain(activation(config.word("hidden_act"))),
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


FAMILY = Family(read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
