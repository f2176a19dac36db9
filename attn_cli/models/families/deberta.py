"""DeBERTa 2 and 3 (He et al. 2021, arXiv 2111.09543): BERT whose scores also weigh content against distance."""

from dataclasses import replace

from attn_cli.models.config import Config
from attn_cli.models.disentangled import Positional
from attn_cli.models.families.bert import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, plain_layer, stack
from attn_cli.models.family import Architecture, Family
from attn_cli.models.plan import LayerPlan
from attn_cli.models.weights import Names, Part


def read(config: Config) -> Architecture:
    config.must_be("conv_kernel_size", 0)
    config.must_be("embedding_size", config.whole("hidden_size"))
    layer = plain_layer(config)
    layer = replace(layer, norm=replace(layer.norm, eps=config.number("layer_norm_eps", 1e-7)))
    config.must_be("attention_head_size", layer.d_k)
    plan = stack(config, _disentangled(config, layer), NAMES | DISTANCES)
    return Architecture((plan if config.flag("position_biased_input", True) else replace(plan, table="none"),))


def _disentangled(config: Config, layer: LayerPlan) -> LayerPlan:
    """The layer with what queries and keys give to distances, each of these being one more summand of a score."""
    said = config.get("pos_att_type", [])
    kinds = [kind.strip() for kind in (said.lower().split("|") if isinstance(said, str) else said)]
    scale = (layer.d_k * (1 + ("c2p" in kinds) + ("p2c" in kinds))) ** -0.5
    farthest = int(config.number("max_relative_positions", -1))
    farthest = farthest if farthest > 0 else config.whole("max_position_embeddings")
    buckets = int(config.number("position_buckets", -1))
    normed = "layer_norm" in config.word("norm_rel_ebd", "none").lower()
    positional = Positional(
        span=buckets if buckets > 0 else farthest,
        farthest=farthest,
        logarithmic=buckets > 0,
        scale=scale,
        of_queries="c2p" in kinds,
        of_keys="p2c" in kinds,
        norm=layer.norm if normed else None,
    )
    return replace(layer, scale=scale, disentangled=positional if config.flag("relative_attention", False) else None)


_SELF = "encoder.layer.{i}.attention.self."
# Where the layers' own projections are shared, there are no others for distances.
DISTANCES: Names = {
    **{name[0]: f"{_SELF}{name}_proj" for name in ("query", "key", "value")},
    "relative": "encoder.rel_embeddings",
    "relative_norm": "encoder.LayerNorm",
    "position_q": Part(f"{_SELF}pos_query_proj", others=(f"{_SELF}query_proj",)),
    "position_k": Part(f"{_SELF}pos_key_proj", others=(f"{_SELF}key_proj",)),
}

FAMILY = Family(
    types=("deberta-v2",),
    read=read,
    prefixes=("deberta.", ""),
    harmless_keys=(
        *HARMLESS_KEYS, "legacy", "pooler_dropout", "pooler_hidden_act", "pooler_hidden_size", "share_att_key",
        "padding_idx", "conv_act", "conv_groups",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(lm_predictions|mask_predictions)\..*"),
)  # fmt: skip
