"""Llama 1 to 3 (Touvron et al. 2023, arXiv 2302.13971), and others of its layer: RMSNorm, RoPE, gated MLP."""

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
    """A causal layer as the config says it; families that differ replace what differs.

    `kind` is the layer type, where the config rotates each in its own way; `feed` is for those whose activation has
    weights.
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
    """A decoder of these layers, with a final norm like theirs."""
    stack = StackPlan(
        layers=layers,
        names=names or NAMES,
        final_norm=layers[0].norm,
        max_positions=config.whole("max_position_embeddings", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False)))


def window(config: Config) -> Mask:
    """Causal, within the config's sliding window where it has one."""
    size = config.whole("sliding_window", None)
    return Causal() if size is None else Sliding(size)


def sliding_layers(config: Config, rule: Callable[[int], bool]) -> tuple[bool, ...]:
    """Which layers look through a window: those that `layer_types` names so, else those of the family's rule."""
    count = config.whole("num_hidden_layers")
    kinds = config.get("layer_types", [SLIDING if rule(number) else FULL for number in range(count)])
    if not isinstance(kinds, list) or len(kinds) != count or not {*kinds} <= {FULL, SLIDING}:
        raise DocumentError(
            f"{config.where}: layer_types: expected {count} times {FULL} or {SLIDING}", hint="mend config.json"
        )
    return tuple(kind == SLIDING for kind in kinds)


def windowed(config: Config, layer: LayerPlan, rule: Callable[[int], bool]) -> tuple[LayerPlan, ...]:
    """Layers of one plan, some within the config's window: those that `layer_types` or the family's rule names."""
    slides = sliding_layers(config, rule)
    local = replace(layer, mask=window(config)) if any(slides) else layer
    return tuple(local if here else layer for here in slides)


def without(names: Names, *ours: str) -> dict[str, str | Packed]:
    """Names but for those of what a family lacks."""
    return {name: entry for name, entry in names.items() if name not in ours}


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
"""Those of layers that norm queries and keys."""

# attention_bias and mlp_bias show in the tensors that are there.
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
