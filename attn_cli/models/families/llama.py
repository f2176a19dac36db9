"""Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971) and others: pre-norm with RMSNorm, RoPE, gated MLP."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from attn_cli.core.masks import Causal, Mask, Sliding
from attn_cli.core.norms import Norm
from attn_cli.errors import DocumentError
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, Mlp, StackPlan, Unembedding
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed

FULL, SLIDING = "full_attention", "sliding_attention"


def plain_layer(config: Config, kind: str | None = None, mlp: Mlp | None = None) -> LayerPlan:
    """A causal layer of Llama's kind from a config; other families replace parts of it.

    `kind` is the layer type, if the config has rotary settings per type. `mlp` replaces the gated MLP.
    """
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    d_k = config.whole("head_dim", None) or width // heads
    return LayerPlan(
        heads=heads,
        kv_heads=config.whole("num_key_value_heads", heads),
        d_k=d_k,
        d_v=d_k,
        norm=Norm("rms", config.number("rms_norm_eps", 1e-6)),
        norms=("before_attention", "before_mlp"),
        mlp=mlp or Gated(activation(config.word("hidden_act", "silu"))),
        mask=Causal(),
        rotary=rotary(config, d_k, kind),
    )


def architecture(config: Config, layers: tuple[LayerPlan, ...], names: Names | None = None) -> Architecture:
    """A decoder of these layers, with a final norm of their kind."""
    stack = StackPlan(
        layers=layers,
        names=names or NAMES,
        final_norm=layers[0].norm,
        max_positions=config.whole("max_position_embeddings", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False)))


def window(config: Config) -> Mask:
    """The config's sliding window, or a causal mask if it has none."""
    size = config.whole("sliding_window", None)
    return Causal() if size is None else Sliding(size)


def kinds_of_layers(config: Config, key: str, default: list[str], known: tuple[str, str]) -> list[str]:
    """The kind of each layer, listed under a key of the config; DocumentError unless each is one of `known`."""
    kinds: list[str] = config.get(key, default)
    if not isinstance(kinds, list) or len(kinds) != len(default) or not {*kinds} <= {*known}:
        expected = f"{len(default)} times {' or '.join(known)}"
        raise DocumentError(f"{config.where}: {key}: expected {expected}", hint="correct config.json")
    return kinds


def sliding_layers(config: Config, rule: Callable[[int], bool]) -> tuple[bool, ...]:
    """True for layers with a sliding window, by `layer_types`, or else by the family's rule."""
    default = [SLIDING if rule(number) else FULL for number in range(config.whole("num_hidden_layers"))]
    return tuple(kind == SLIDING for kind in kinds_of_layers(config, "layer_types", default, (FULL, SLIDING)))


def windowed(config: Config, layer: LayerPlan, rule: Callable[[int], bool]) -> tuple[LayerPlan, ...]:
    """Layers of one plan, with the config's sliding window in those of `layer_types` or the family's rule."""
    slides = sliding_layers(config, rule)
    local = replace(layer, mask=window(config)) if any(slides) else layer
    return tuple(local if slide else layer for slide in slides)


def without(names: Names, *removed: str) -> dict[str, str | Packed]:
    """The names without some that a family lacks."""
    return {name: entry for name, entry in names.items() if name not in removed}


ASSUMED: Mapping[str, dict[str, Any]] = {
    "seed_oss": {"head_dim": 128, "num_key_value_heads": 8},
    "internlm3": {"head_dim": 128, "num_key_value_heads": 2, "rms_norm_eps": 1e-5},
}


def read(config: Config) -> Architecture:
    config.must_be("rope_interleaved", False)
    config.assume(ASSUMED.get(config.word("model_type"), {}))
    layer = plain_layer(config)
    return architecture(config, (layer,) * config.whole("num_hidden_layers"))


_ATTENTION, _MLP = "layers.{i}.self_attn.", "layers.{i}.mlp."
NAMES: dict[str, str | Packed] = {
    "embed": "embed_tokens",
    "before_attention": "layers.{i}.input_layernorm",
    **{name: f"{_ATTENTION}{name}_proj" for name in "qkvo"},
    "before_mlp": "layers.{i}.post_attention_layernorm",
    **{name: f"{_MLP}{name}_proj" for name in ("gate", "up", "down")},
    "final_norm": "norm",
    "unembed": "/lm_head",
}
QK_NAMES: dict[str, str | Packed] = NAMES | {name: f"{_ATTENTION}{name}" for name in ("q_norm", "k_norm")}
"""The names with those of a QK-norm."""

# The tensors show attention_bias and mlp_bias.
HARMLESS_KEYS = ("attention_bias", "attention_dropout", "intermediate_size", "mlp_bias", "rope_theta", "rope_scaling")
HARMLESS_TENSORS = (r".*\.rotary_emb\.inv_freq",)

FAMILY = Family(
    read=read,
    harmless_keys=(
        *HARMLESS_KEYS, "attention_out_bias", "bias", "is_llama_config", "max_sequence_length", "qkv_bias",
        "residual_dropout",
    ),
    harmless_tensors=HARMLESS_TENSORS,
)  # fmt: skip
