"""T5 (Raffel et al. 2019, arXiv 1910.10683): encoder and decoder with relative position bias and unscaled scores."""

from collections.abc import Mapping
from dataclasses import replace

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Gated, Plain
from attn_cli.models.network.plan import LayerPlan, Slot, StackPlan, Unembedding
from attn_cli.models.network.relative import Buckets
from attn_cli.models.network.weights import Names, Packed

FEEDS: Mapping[str, str] = {"t5": "relu", "mt5": "gated-gelu", "umt5": "gated-gelu"}


def read(config: Config) -> Architecture:
    d_model, heads, width = (config.whole(key) for key in ("d_model", "num_heads", "d_kv"))
    config.must_be("is_decoder", False)
    buckets = config.whole("relative_attention_num_buckets", 32)
    farthest = config.whole("relative_attention_max_distance", 128)
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width,
        d_v=width,
        norm=Norm("rms", config.number("layer_norm_epsilon", 1e-6)),
        norms=("before_attention", "before_mlp"),
        mlp=_feed(config),
        scale="none",
        relative=Buckets(buckets, farthest, both_ways=True),
    )
    count = config.whole("num_layers")
    encoder = StackPlan((layer,) * count, ENCODER, name="encoder", final_norm=layer.norm)
    # T5 1.1 and mT5 have an untied unembedding, whose input is not scaled.
    scaled = config.flag("scale_decoder_outputs", config.flag("tie_word_embeddings", True))
    if not config.flag("is_encoder_decoder", True):
        return Architecture((replace(encoder, name=""),))
    norms: tuple[Slot, ...] = (*layer.norms, "before_cross")
    layer = replace(layer, norms=norms, mask=Causal(), relative=Buckets(buckets, farthest, both_ways=False), cross=True)
    layers = (layer,) * config.whole("num_decoder_layers", count)
    decoder = StackPlan(layers, DECODER, name="decoder", final_norm=layer.norm)
    scale = d_model**-0.5 if scaled and config.word("model_type") != "mt5" else 1.0
    return Architecture((encoder, decoder), Unembedding(tied=False, scale=scale))


def _feed(config: Config) -> Plain | Gated:
    """The MLP: `relu`, or `gated-gelu` with GELU by tanh; later configs repeat both parts in other keys."""
    stated = config.word("feed_forward_proj", FEEDS[config.word("model_type")])
    name = config.word("dense_act_fn", "gelu_new" if stated == "gated-gelu" else stated.removeprefix("gated-"))
    gated = config.flag("is_gated_act", stated.startswith("gated-"))
    return Gated(activation(name)) if gated else Plain(activation(name))


def _names(stack: str, mlp: int) -> Names:
    """The names of a stack; `mlp` is the number of the MLP among the layer's modules."""
    block = f"{stack}.block.{{i}}.layer."
    other = {"encoder": "decoder", "decoder": "encoder"}[stack]
    return {
        "embed": Packed(f"{stack}.embed_tokens", others=("shared", f"{other}.embed_tokens")),
        "before_attention": f"{block}0.layer_norm",
        **{name: f"{block}0.SelfAttention.{name}" for name in "qkvo"},
        "relative": f"{block}0.SelfAttention.relative_attention_bias",
        "before_mlp": f"{block}{mlp}.layer_norm",
        "gate": f"{block}{mlp}.DenseReluDense.wi_0",
        "up": Packed(f"{block}{mlp}.DenseReluDense.wi_1", others=(f"{block}{mlp}.DenseReluDense.wi",)),
        "down": f"{block}{mlp}.DenseReluDense.wo",
        "final_norm": f"{stack}.final_layer_norm",
    }


ENCODER: Names = _names("encoder", 1)
DECODER: Names = {
    **_names("decoder", 2),
    "before_cross": "decoder.block.{i}.layer.1.layer_norm",
    **{f"cross_{name}": f"decoder.block.{{i}}.layer.1.EncDecAttention.{name}" for name in "qkvo"},
    "unembed": "lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("", "transformer."),
    harmless_keys=(
        "d_ff", "dropout_rate", "initializer_factor", "n_positions", "num_decoder_layers", "scalable_attention",
    ),
    harmless_tensors=(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
)  # fmt: skip
