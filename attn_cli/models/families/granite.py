"""Granite 3 and 4 (IBM 2024): Llama's layers with multipliers of embeddings, scores, residuals and logits.

Some have experts, a shared expert, or both. Hybrid models are computed only if all their layers attend.
"""

from dataclasses import replace

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import HARMLESS_TENSORS, NAMES, architecture, plain_layer, without
from attn_cli.models.families.mixtral import EXPERT_KEYS
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.experts import Best, Experts
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, Mlp, Unembedding
from attn_cli.models.network.weights import Names, Packed, grouped


def read(config: Config) -> Architecture:
    kind = config.word("model_type")
    layer = replace(
        plain_layer(config),
        scale=config.number("attention_multiplier", 1.0),
        residual_scale=config.number("residual_multiplier", 1.0),
    )
    if kind == "granitemoehybrid":
        layer = _hybrid(config, layer)
    elif kind != "granite":
        layer = replace(layer, mlp=_experts(config, layer.mlp, shared=config.get("shared_intermediate_size", 0) != 0))
    names = NAMES if kind == "granite" else MOE_NAMES
    plain = architecture(config, (layer,) * config.whole("num_hidden_layers"), names)
    stack = replace(plain.stacks[0], embed_scale=config.number("embedding_multiplier", 1.0))
    scale = 1 / config.number("logits_scaling", 1.0)
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False), scale=scale))


def _experts(config: Config, mlp: Mlp, *, shared: bool) -> Experts:
    assert isinstance(mlp, Gated)
    route = Best(config.whole("num_experts_per_tok", 2), among=True)
    return Experts(route, replace(mlp, side="expert_"), replace(mlp, side="shared_") if shared else None)


def _hybrid(config: Config, layer: LayerPlan) -> LayerPlan:
    """The layer of a hybrid model: it may lack positions, and may have only the shared expert."""
    kinds = config.get("layer_types", config.get("layers_block_type", []))
    if not isinstance(kinds, list) or not kinds or not {*kinds} <= {"attention", "full_attention"}:
        raise DocumentError(
            f"{config.where}: layer_types: some layers are recurrent and do not attend",
            hint="choose a model whose layers all attend, such as Granite 4 without an H in its name",
        )
    if config.word("position_embedding_type", "nope") != "rope":
        config.must_be("position_embedding_type", "nope")
        layer = replace(layer, rotary=None)
    config.whole("shared_intermediate_size", 1024)
    assert isinstance(layer.mlp, Gated)
    if config.get("num_local_experts", 8) != 0:
        return replace(layer, mlp=_experts(config, layer.mlp, shared=True))
    config.get("num_experts_per_tok", None)  # without effect
    return replace(layer, mlp=replace(layer.mlp, side="shared_"))


def _linears(side: str, module: str, *, stacked: bool) -> Names:
    """The names of gate and up, stacked in one matrix (per expert if `stacked`), and of down."""
    above, below = (f"layers.{{i}}.{module}.{name}_linear" + ".weight" * stacked for name in ("input", "output"))
    gate, up = (Packed(above, cut=grouped(1, 2, half, half + 1), raw=stacked, stacked=stacked) for half in (0, 1))
    return {f"{side}gate": gate, f"{side}up": up, f"{side}down": Packed(below, raw=stacked, stacked=stacked)}


MOE_NAMES: Names = {
    **without(NAMES, "gate", "up", "down"),
    "router": "layers.{i}.block_sparse_moe.router.layer",
    **_linears("expert_", "block_sparse_moe", stacked=True),
    **_linears("shared_", "shared_mlp", stacked=False),
}

# Settings of recurrent layers have no effect if all layers attend.
MAMBA_KEYS = (
    "mamba_chunk_size", "mamba_conv_bias", "mamba_d_conv", "mamba_d_head", "mamba_d_state", "mamba_expand",
    "mamba_n_groups", "mamba_n_heads", "mamba_proj_bias", "time_step_limit",
)  # fmt: skip

FAMILY = Family(
    read=read,
    harmless_keys=(*EXPERT_KEYS, *MAMBA_KEYS),
    harmless_tensors=HARMLESS_TENSORS,
)
