"""BART (Lewis et al. 2019, arXiv 1910.13461) and relatives: post-norm or pre-norm, learned or sinusoidal positions.

M2M-100 (arXiv 2010.11125) and NLLB (arXiv 2207.04672) have sinusoids of their own, and padding has no position.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, Slot, StackPlan, Unembedding
from attn_cli.models.network.weights import Names, Packed
from attn_cli.trace.trace import Array

OVER_SUMS: tuple[Slot, ...] = ("attention_sum", "cross_sum", "mlp_sum")
FIRST: tuple[Slot, ...] = ("before_attention", "before_cross", "before_mlp")


@dataclass(frozen=True)
class Variant:
    """A variant: its norms, whether embeddings are normalized, and its position table."""

    norms: tuple[Slot, ...]
    embed_norm: bool
    table: Literal["learned", "sinusoidal"]


KINDS: Mapping[str, Variant] = {
    "bart": Variant(OVER_SUMS, True, "learned"),
    "mbart": Variant(FIRST, True, "learned"),
    "marian": Variant(OVER_SUMS, False, "sinusoidal"),
    "pegasus": Variant(FIRST, False, "sinusoidal"),
    "m2m_100": Variant(FIRST, False, "sinusoidal"),
}


def read(config: Config) -> Architecture:
    kind = KINDS[config.word("model_type")]
    config.must_be("is_encoder_decoder", True)
    config.must_be("is_decoder", False)
    # Older configs state properties that all models of a kind share.
    config.must_be("normalize_before", kind.norms is FIRST)
    config.must_be("add_final_layer_norm", kind.norms is FIRST)
    config.must_be("normalize_embedding", kind.embed_norm)
    config.must_be("static_position_embeddings", kind.table == "sinusoidal")
    config.must_be("do_blenderbot_90_layernorm", False)
    if config.word("model_type") == "m2m_100":
        config.assume({"activation_function": "relu", "scale_embedding": True})
    encoder, decoder = (_stack(config, kind, name) for name in ("encoder", "decoder"))
    if config.word("model_type") == "m2m_100":
        encoder, decoder = (_with_padding(stack, int(config.get("pad_token_id", 1))) for stack in (encoder, decoder))
    return Architecture((encoder, decoder), Unembedding(tied=False))


def _with_padding(stack: StackPlan, padding: int) -> StackPlan:
    """The stack with positions that start after the padding id, without limit, from Tensor2Tensor's sinusoids."""
    sines = partial(_sines, zero_at=padding)
    return replace(stack, padding=padding, position_offset=padding + 1, sines=sines, max_positions=None)


def _sines(positions: Array, width: int, zero_at: int) -> Array:
    """Sinusoidal vectors (token, feature): sines, then cosines, of frequencies 1 to 1/10000; zeros at `zero_at`."""
    half = width // 2
    # In float32 like the model's own code; far positions show the difference.
    steps = np.arange(half, dtype=np.float32) * np.float32(-np.log(10000) / (half - 1))
    angles = positions.astype(np.float32)[:, np.newaxis] * np.exp(steps.astype(np.float64)).astype(np.float32)
    table = np.zeros((len(positions), width), np.float32)
    table[:, :half], table[:, half : 2 * half] = np.sin(angles), np.cos(angles)
    table[positions == zero_at] = 0
    return table


def _stack(config: Config, kind: Variant, name: str) -> StackPlan:
    width, heads = config.whole("d_model"), config.whole(f"{name}_attention_heads")
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", 1e-5),
        norms=kind.norms,
        mlp=Plain(activation(config.word("activation_function", "gelu"))),
    )
    if name == "decoder":
        layer = replace(layer, mask=Causal(), cross=True)
    return StackPlan(
        layers=(layer,) * config.whole(f"{name}_layers"),
        names=NAMES[name],
        name=name,
        embed_scale=width**0.5 if config.flag("scale_embedding", False) else 1.0,
        table=kind.table,
        position_offset=2 if kind.table == "learned" else 0,
        embed_norm=layer.norm if kind.embed_norm else None,
        final_norm=layer.norm if kind.norms is FIRST else None,
        max_positions=config.whole("max_position_embeddings"),
    )


def _names(stack: str) -> Names:
    other = {"encoder": "decoder", "decoder": "encoder"}[stack]
    layer = f"{stack}.layers.{{i}}."
    modules = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
    norms = {"attention": "self_attn_layer_norm", "cross": "encoder_attn_layer_norm", "mlp": "final_layer_norm"}
    names: dict[str, str | Packed] = {
        "embed": Packed(f"{stack}.embed_tokens", others=("shared", f"{other}.embed_tokens")),
        "positions": f"{stack}.embed_positions",
        "embed_norm": f"{stack}.layernorm_embedding",
        **{name: f"{layer}self_attn.{module}" for name, module in modules.items()},
        "up": f"{layer}fc1",
        "down": f"{layer}fc2",
        "final_norm": f"{stack}.layer_norm",
        **{f"before_{part}": layer + module for part, module in norms.items()},
        **{f"{part}_sum": layer + module for part, module in norms.items()},
    }
    if stack == "decoder":
        names |= {f"cross_{name}": f"{layer}encoder_attn.{module}" for name, module in modules.items()}
        names |= {"unembed": "/lm_head", "logits_bias": Packed("/final_logits_bias", raw=True)}
    return names


NAMES: Mapping[str, Names] = {stack: _names(stack) for stack in ("encoder", "decoder")}

FAMILY = Family(
    read=read,
    harmless_keys=(
        "activation_dropout", "add_bias_logits", "attention_dropout", "classif_dropout", "decoder_ffn_dim",
        "decoder_layerdrop", "decoder_vocab_size", "dropout", "encoder_ffn_dim", "encoder_layerdrop",
        "extra_pos_embeddings", "force_bos_token_to_be_generated", "init_std", "num_hidden_layers",
        "replacing_rate", "save_step", "share_encoder_decoder_embeddings",
    ),
    harmless_tensors=(
        r"(classification_head|qa_outputs)\..*",
        r"(.*\.)?(encoder|decoder)\.(version|embed_positions\.weights)",
    ),
)  # fmt: skip
