"""Phi-3, Phi-3.5 and Phi-4 (arXiv 2404.14219): Llama's layers with fused matrices and LongRoPE."""

from dataclasses import replace

from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, architecture, plain_layer, window
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.weights import Names, Packed, fused, grouped


def read(config: Config) -> Architecture:
    config.assume({"rms_norm_eps": 1e-5})
    for key in ("full_attn_mod", "interpolate_factor"):
        config.must_be(key, 1)
    layer = replace(plain_layer(config), mask=window(config))
    names = {**NAMES, **FUSED, **fused("layers.{i}.self_attn.qkv_proj", layer.heads, layer.kv_heads)}
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), names)


FUSED: Names = {
    "gate": Packed("layers.{i}.mlp.gate_up_proj", cut=grouped(1, 2, 0, 1)),
    "up": Packed("layers.{i}.mlp.gate_up_proj", cut=grouped(1, 2, 1, 2)),
}

FAMILY = Family(
    read=read,
    harmless_keys=(
        *HARMLESS_KEYS,
        "attn_pdrop",
        "embd_pdrop",
        "lm_head_bias",
        "original_max_position_embeddings",
        "resid_pdrop",
    ),
    harmless_tensors=HARMLESS_TENSORS,
)
