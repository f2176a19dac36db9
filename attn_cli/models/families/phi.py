"""Phi-1 and Phi-2 (arXiv 2306.11644): parallel attention and MLP on one LayerNorm, RoPE in part of each head."""

from dataclasses import replace

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import QKNorm
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    config.assume({"hidden_act": "gelu_new", "partial_rotary_factor": 0.5})
    norm = Norm("layer", config.number("layer_norm_eps", 1e-5))
    layer = replace(
        plain_layer(config),
        norm=norm,
        norms=("before_attention",),
        mlp=Plain(activation(config.word("hidden_act"))),
        qk_norm=QKNorm(norm) if config.flag("qk_layernorm", False) else None,
        parallel=True,
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), {**NAMES, **OWN})


OWN: Names = {
    "q_norm": "layers.{i}.self_attn.q_layernorm",
    "k_norm": "layers.{i}.self_attn.k_layernorm",
    "o": "layers.{i}.self_attn.dense",
    "up": "layers.{i}.mlp.fc1",
    "down": "layers.{i}.mlp.fc2",
    "final_norm": "final_layernorm",
}

FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "attn_pdrop", "embd_pdrop", "resid_pdrop", "rotary_dim"),
    harmless_tensors=HARMLESS_TENSORS,
)
