"""Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971) and those that share its layer: RMSNorm, RoPE, gated MLP."""

from attn_cli.core.masks import Causal, Mask, Sliding
from attn_cli.models.arithmetic import Norm, activation
from attn_cli.models.config import Config
from attn_cli.models.family import Architecture, Family
from attn_cli.models.feed import Gated
from attn_cli.models.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.ropes import rotary
from attn_cli.models.weights import Names


def plain_layer(config: Config) -> LayerPlan:
    """A causal layer of this kind as the config says it; families that differ replace what differs."""
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    d_k = config.whole("head_dim", None) or width // heads
    return LayerPlan(
        heads=heads,
        kv_heads=config.whole("num_key_value_heads", heads),
        d_k=d_k,
        d_v=d_k,
        norm=Norm("rms", config.number("rms_norm_eps", 1e-6)),
        norms=("before_attention", "before_mlp"),
        feed=Gated(activation(config.word("hidden_act", "silu"))),
        mask=Causal(),
        rotary=rotary(config, d_k),
    )


def architecture(config: Config, layers: tuple[LayerPlan, ...]) -> Architecture:
    """A decoder of these layers, with a final norm like theirs."""
    stack = StackPlan(
        layers=layers,
        names=NAMES,
        final_norm=layers[0].norm,
        max_positions=config.whole("max_position_embeddings", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False)))


def window(config: Config) -> Mask:
    """Causal, within the config's sliding window where it has one."""
    size = config.whole("sliding_window", None)
    return Causal() if size is None else Sliding(size)


def read(config: Config) -> Architecture:
    layer = plain_layer(config)
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


_ATTENTION, _MLP = "layers.{i}.self_attn.", "layers.{i}.mlp."
NAMES: Names = {
    "embed": "embed_tokens",
    "before_attention": "layers.{i}.input_layernorm",
    **{name: f"{_ATTENTION}{name}_proj" for name in "qkvo"},
    "before_mlp": "layers.{i}.post_attention_layernorm",
    **{name: f"{_MLP}{name}_proj" for name in ("gate", "up", "down")},
    "final_norm": "norm",
    "unembed": "/lm_head",
}

# attention_bias and mlp_bias show in the tensors that are there.
HARMLESS_KEYS = ("attention_bias", "attention_dropout", "intermediate_size", "mlp_bias", "rope_theta", "rope_scaling")
HARMLESS_TENSORS = (r".*\.rotary_emb\.inv_freq",)

FAMILY = Family(types=("llama",), read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
