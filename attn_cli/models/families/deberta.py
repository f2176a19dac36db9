"""DeBERTa (He et al. 2020, 2021, arXiv 2006.03654, 2111.09543): BERT with disentangled attention.

Version 1 has one matrix for queries, keys and values per head, and no buckets of distances.
"""

from dataclasses import replace

from attn_cli.errors import DocumentError
from attn_cli.models.families.bert import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, check_width, plain_layer, stack
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.disentangled import Positional
from attn_cli.models.network.plan import LayerPlan
from attn_cli.models.network.weights import Cut, Names, Packed, by_head


def read(config: Config) -> Architecture:
    first = config.word("model_type") == "deberta"
    if first:
        for key, value in {"talking_head": False, "position_buckets": -1, "norm_rel_ebd": "none"}.items():
            config.must_be(key, value)
    config.must_be("conv_kernel_size", 0)
    check_width(config)
    layer = plain_layer(config)
    layer = replace(layer, norm=replace(layer.norm, eps=config.number("layer_norm_eps", 1e-7)))
    config.must_be("attention_head_size", layer.d_k)
    names = DISTANCES | _first_names(layer.heads) if first else DISTANCES
    plan = stack(config, _disentangled(config, layer), NAMES | names)
    return Architecture((plan if config.flag("position_biased_input", True) else replace(plan, table="none"),))


def _disentangled(config: Config, layer: LayerPlan) -> LayerPlan:
    """The layer with disentangled attention: scores of queries with distances (c2p) and of keys (p2c)."""
    stated = config.get("pos_att_type", [])
    kinds = [kind.strip() for kind in (stated.lower().split("|") if isinstance(stated, str) else stated)]
    if unknown := {*kinds} - {"c2p", "p2c", ""}:
        raise DocumentError(
            f"{config.where}: pos_att_type names {min(unknown)}, which attn does not compute",
            hint="it knows c2p and p2c",
        )
    scale = (layer.d_k * (1 + ("c2p" in kinds) + ("p2c" in kinds))) ** -0.5
    farthest = int(config.number("max_relative_positions", -1, least=-1))
    farthest = farthest if farthest > 0 else config.whole("max_position_embeddings")
    buckets = int(config.number("position_buckets", -1, least=-1))
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


def _first_names(heads: int) -> Names:
    """The names of queries, keys and values in one matrix; queries and values have separate biases."""
    biases = {"q": f"{_SELF}q_bias", "k": "", "v": f"{_SELF}v_bias"}
    parts = {
        name: Packed(f"{_SELF}in_proj.weight", cut=_of_matrix(by_head(heads, index)), raw=True, bias=bias)
        for index, (name, bias) in enumerate(biases.items())
    }
    return {**parts, "position_q": f"{_SELF}pos_q_proj", "position_k": f"{_SELF}pos_proj"}


def _of_matrix(cut: Cut) -> Cut:
    """The cut for matrices; biases stay whole."""
    return lambda array: cut(array) if array.ndim == 2 else array


_SELF = "encoder.layer.{i}.attention.self."
# If distances share the layers' projections, they have no weights of their own.
DISTANCES: Names = {
    **{name[0]: f"{_SELF}{name}_proj" for name in ("query", "key", "value")},
    "relative": "encoder.rel_embeddings",
    "relative_norm": "encoder.LayerNorm",
    "position_q": Packed(f"{_SELF}pos_query_proj", others=(f"{_SELF}query_proj",)),
    "position_k": Packed(f"{_SELF}pos_key_proj", others=(f"{_SELF}key_proj",)),
}

FAMILY = Family(
    read=read,
    prefixes=("deberta.", ""),
    harmless_keys=(
        *HARMLESS_KEYS, "legacy", "pooler_dropout", "pooler_hidden_act", "pooler_hidden_size", "share_att_key",
        "padding_idx", "conv_act", "conv_groups",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(lm_predictions|mask_predictions)\..*"),
)  # fmt: skip
