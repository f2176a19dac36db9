"""StableLM (arXiv 2402.17834): Llama's layers with LayerNorm and RoPE in a quarter of each head."""

from dataclasses import replace

from attn_cli.core.norms import Norm
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import QKNorm
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 32, "partial_rotary_factor": 0.25})
    norm, parallel = Norm("layer", config.number("layer_norm_eps", 1e-5)), config.flag("use_parallel_residual", False)
    layer = replace(
        plain_layer(config),
        norm=norm,
        norms=("before_attention",) if parallel else ("before_attention", "before_mlp"),
        qk_norm=QKNorm(norm, over="each") if config.flag("qk_layernorm", False) else None,
        parallel=parallel,
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), {**NAMES, **HEAD_NORMS})


HEAD_NORMS: Names = {f"{name}_norm": f"layers.{{i}}.self_attn.{name}_layernorm.norms.{{e}}" for name in "qk"}

FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "hidden_dropout", "use_qkv_bias"),
    harmless_tensors=HARMLESS_TENSORS,
)
