"""GLM-4 (arXiv 2406.12793): Llama's layers with interleaved RoPE in half of each head; gate and up in one matrix.

GLM-4-0414 also has norms after attention and MLP.
"""

from dataclasses import replace

from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed, grouped


def read(config: Config) -> Architecture:
    config.assume({"head_dim": 128, "num_key_value_heads": 2, "partial_rotary_factor": 0.5, "rms_norm_eps": 1.5625e-7})
    layer = plain_layer(config)
    layer = replace(layer, rotary=rotary(config, layer.d_k, style="interleaved"))
    if config.word("model_type") == "glm4":
        layer = replace(layer, norms=("before_attention", "after_attention", "before_mlp", "after_mlp"))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), GLM_NAMES)


GLM_NAMES: Names = {
    **NAMES,
    "gate": Packed("layers.{i}.mlp.gate_up_proj", cut=grouped(1, 2, 0, 1)),
    "up": Packed("layers.{i}.mlp.gate_up_proj", cut=grouped(1, 2, 1, 2)),
    "after_attention": "layers.{i}.post_self_attn_layernorm",
    "after_mlp": "layers.{i}.post_mlp_layernorm",
}

FAMILY = Family(read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
