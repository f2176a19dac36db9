"""MPT (MosaicML 2023): ALiBi, LayerNorm without biases; some models clip queries, keys and values."""

from dataclasses import dataclass

import numpy as np

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.core.positions import Alibi
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import gelu
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.weights import Names, Weights, fused
from attn_cli.trace.trace import Array


def read(config: Config) -> Architecture:
    width, heads = config.whole("d_model"), config.whole("n_heads")
    config.must_be("no_bias", True)
    config.must_be("logit_scale", None)
    config.must_be("norm_type", "low_precision_layernorm", "layernorm")
    inner = config.part("attn_config")
    inner.must_be("attn_type", "multihead_attention")
    inner.must_be("alibi", True)
    steepness = inner.number("alibi_bias_max", 8) / 8
    if steepness != 1:
        config.notes.append("alibi_bias_max is heeded as MosaicML's code does; transformers ignores it, and takes 8")
    inner.must_be("prefix_lm", False)
    inner.must_be("qk_ln", False)
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", config.number("layer_norm_epsilon", 1e-5)),
        norms=("before_attention", "before_mlp"),
        mlp=Plain(gelu),
        mask=Causal(),
        scale=inner.number("softmax_scale", None) or "sqrt",
        alibi=steepness == 1,
        relative=None if steepness == 1 else SteepAlibi(heads, steepness),
        clip=inner.number("clip_qkv", None) or None,
    )
    stack = StackPlan(
        layers=(layer,) * config.whole("n_layers"),
        names={**NAMES, **fused("blocks.{i}.attn.Wqkv", heads, heads)},
        final_norm=layer.norm,
        max_positions=config.whole("max_seq_len", None),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


@dataclass(frozen=True)
class SteepAlibi:
    """ALiBi with slopes down to 2^(−8 · steepness) instead of 2^−8: a bias (head, query, key)."""

    heads: int
    steepness: float

    def __call__(self, weights: Weights, queries: Array, keys: Array) -> Array:
        slopes = Alibi().slopes(self.heads) ** self.steepness
        distance = np.abs(queries[:, np.newaxis] - keys)
        bias: Array = (-slopes[:, np.newaxis, np.newaxis] * distance).astype(np.float32)
        return bias


NAMES: Names = {
    "embed": "wte",
    "before_attention": "blocks.{i}.norm_1",
    "o": "blocks.{i}.attn.out_proj",
    "before_mlp": "blocks.{i}.norm_2",
    "up": "blocks.{i}.ffn.up_proj",
    "down": "blocks.{i}.ffn.down_proj",
    "final_norm": "norm_f",
    "unembed": "/lm_head",
}

# learned_pos_emb is for models without ALiBi; embedding_fraction only scales gradients.
FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "attn_impl", "attn_pdrop", "attn_uses_sequence_id", "emb_pdrop", "embedding_fraction", "expansion_ratio",
        "init_config", "init_device", "learned_pos_emb", "resid_pdrop", "tokenizer_name", "verbose",
    ),
)  # fmt: skip
