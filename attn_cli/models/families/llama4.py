"""Llama 4 (Meta 2025): layers with RoPE and a chunked mask, between them layers without positions and chunks.

Layers with RoPE have QK-norm; in the others queries are scaled by position. Every layer, or every other one, has
experts and a shared expert.
"""

from dataclasses import replace

from attn_cli.core.masks import Causal, Chunked
from attn_cli.core.norms import Norm
from attn_cli.core.positions import QueryScaling
from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import FULL, HARMLESS_TENSORS, NAMES, architecture, kinds_of_layers, plain_layer
from attn_cli.models.families.mixtral import EXPERT_KEYS
from attn_cli.models.families.smollm3 import rotating
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.experts import Experts, Sigmoids
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, QKNorm, Unembedding
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed, grouped

CHUNKED = "chunked_attention"


def read(config: Config) -> Architecture:
    text = config.part("text_config") if config.word("model_type") == "llama4" else config
    text.assume({"head_dim": 128, "rms_norm_eps": 1e-5, "rope_theta": 5e5, "num_key_value_heads": 8})
    layer = plain_layer(text)
    rotated, unrotated = _rotated(text, layer), replace(layer, rotary=None, query_scaling=_tuning(text))
    rotates, mixes = rotating(text), _mixes(text)
    chunk = text.whole("attention_chunk_size", None if "attention_chunk_size" in text.values else 8192)
    layers = [rotated if rotates_here else unrotated for rotates_here in rotates]
    kinds = _kinds(text, [CHUNKED if rotates_here and chunk else FULL for rotates_here in rotates], chunk)
    layers = [
        replace(
            layer,
            mask=Chunked(chunk) if kind == CHUNKED and chunk else Causal(),
            mlp=_experts(text, layer.mlp) if mixed else layer.mlp,
        )
        for layer, kind, mixed in zip(layers, kinds, mixes, strict=True)
    ]
    result = architecture(text, tuple(layers), LLAMA4_NAMES)
    # The outer config may repeat whether embeddings are tied; the tensors show it.
    return result if text is config else replace(result, unembedding=Unembedding(tied=False))


def _rotated(config: Config, layer: LayerPlan) -> LayerPlan:
    """A layer with RoPE and QK-norm.

    The model normalizes after rotation. Rotation keeps a vector's length and the norm has no weights, so both orders
    give the same result.
    """
    rope = rotary(config, layer.d_k, style="interleaved")
    if rope.factor != 1:
        config.must_be("use_qk_norm", False)
    normed = config.flag("use_qk_norm", True)
    return replace(layer, rotary=rope, qk_norm=QKNorm(Norm("rms", layer.norm.eps)) if normed else None)


def _tuning(config: Config) -> QueryScaling | None:
    slope, step = config.number("attn_scale", 0.1), config.number("floor_scale", 8192)
    # The first configs hold the number 4 here, which only means true.
    return QueryScaling(slope, step, ahead=1) if config.get("attn_temperature_tuning", True) else None


def _kinds(config: Config, default: list[str], chunk: int | None) -> list[str]:
    kinds = kinds_of_layers(config, "layer_types", default, (FULL, CHUNKED))
    if CHUNKED in kinds and chunk is None:
        raise DocumentError(f"{config.where}: layer_types: chunks without attention_chunk_size", hint="add it")
    return kinds


def _mixes(config: Config) -> tuple[bool, ...]:
    """True for layers with experts."""
    count, every = config.whole("num_hidden_layers"), config.whole("interleave_moe_layer_step", 1)
    listed = config.get("moe_layers", [*range(every - 1, count, every)])
    return tuple(number in listed for number in range(count))


def _experts(config: Config, mlp: object) -> Experts:
    assert isinstance(mlp, Gated)
    route = Sigmoids(config.whole("num_experts_per_tok", 1), among=False)
    return Experts(route, replace(mlp, side="expert_"), replace(mlp, side="shared_"), before=True)


def _stacked(module: str, half: int | None = None) -> Packed:
    """Stacked matrices of all experts, stored in × out; gate and up are the halves of one matrix."""
    cut = None if half is None else grouped(1, 2, half, half + 1)
    return Packed(f"layers.{{i}}.feed_forward.experts.{module}", cut, transposed=True, raw=True, stacked=True)


LLAMA4_NAMES: Names = {
    **NAMES,
    **{name: f"layers.{{i}}.feed_forward.{name}_proj" for name in ("gate", "up", "down")},
    **{f"shared_{name}": f"layers.{{i}}.feed_forward.shared_expert.{name}_proj" for name in ("gate", "up", "down")},
    "router": "layers.{i}.feed_forward.router",
    "expert_gate": _stacked("gate_up_proj", 0),
    "expert_up": _stacked("gate_up_proj", 1),
    "expert_down": _stacked("down_proj"),
    "unembed": Packed("/lm_head", others=("/language_model.lm_head",)),
}

FAMILY = Family(
    read=read,
    prefixes=("model.", "language_model.model.", "model.language_model.", ""),
    harmless_keys=(
        *EXPERT_KEYS, "boi_token_index", "cache_implementation", "eoi_token_index", "for_llm_compressor",
        "image_token_index", "intermediate_size_mlp", "vision_config",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(model\.)?(vision_model|multi_modal_projector)\..*"),
)  # fmt: skip
