"""The architectures of GGUF files, one line each, with their families."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from attn_cli.models.files.config import Config
from attn_cli.models.gguf import config_values as values
from attn_cli.models.gguf.config_values import Values
from attn_cli.models.gguf.undo import (
    Join,
    Undo,
    alternating,
    around_zero,
    as_it_is,
    grouped,
    head_by_head,
    switch_row,
    unpermuted,
)
from attn_cli.models.network.plan import LayerPlan


@dataclass(frozen=True, eq=False)
class GgufArchitecture:
    """An architecture of llama.cpp, and the `model_type` that attn reads it as.

    `keys` maps its keys to those of config.json; `more` computes further keys, `widths` those of the heads' widths.
    `shows` pairs a tensor with a key that is true if the file has the tensor. `undo` gets our name of a module and the
    plan of its layer. `joins` are modules stored in pieces.
    """

    name: str
    model_type: str
    keys: Mapping[str, str]
    more: Callable[[Config, Values], Values] = values.nothing_more
    undo: Callable[[str, LayerPlan], Undo | None] = as_it_is
    rotary: bool = True
    causal: bool = True
    widths: Callable[[Config, Values], Values] = values.equal_widths
    shows: tuple[tuple[str, str], ...] = ()
    joins: tuple[Join, ...] = ()


_ANY = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "attention.head_count": "num_attention_heads",
}
KEYS = _ANY | {
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "context_length": "max_position_embeddings",
    "rope.freq_base": "rope_theta",
}
STARCODER = {**KEYS, "attention.layer_norm_epsilon": "norm_epsilon"}
LAYER_NORMED = {**KEYS, "attention.layer_norm_epsilon": "layer_norm_eps"}
OLMO = {**KEYS, "attention.layer_norm_epsilon": "rms_norm_eps"}
BLOOM = {
    "block_count": "n_layer",
    "embedding_length": "hidden_size",
    "attention.head_count": "n_head",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
    "context_length": "seq_length",
}
BERT = _ANY | {"attention.layer_norm_epsilon": "layer_norm_eps", "context_length": "max_position_embeddings"}
GPT2 = {
    "block_count": "n_layer",
    "embedding_length": "n_embd",
    "attention.head_count": "n_head",
    "attention.layer_norm_epsilon": "layer_norm_epsilon",
    "context_length": "n_positions",
}

TWINS: Mapping[str, GgufArchitecture] = MappingProxyType(
    {
        architecture.name: architecture
        for architecture in (
            GgufArchitecture("llama", "llama", KEYS, more=values.llama, undo=unpermuted),
            GgufArchitecture("qwen2", "qwen2", KEYS),
            GgufArchitecture("qwen3", "qwen3", KEYS),
            GgufArchitecture("qwen2moe", "qwen2_moe", KEYS, more=values.qwen_moe, undo=switch_row),
            GgufArchitecture("qwen3moe", "qwen3_moe", KEYS, more=values.qwen_moe),
            GgufArchitecture("gemma", "gemma", KEYS, undo=around_zero),
            GgufArchitecture("gemma2", "gemma2", KEYS, more=values.gemma2, undo=around_zero),
            GgufArchitecture("gemma3", "gemma3_text", KEYS, more=values.gemma3, undo=around_zero),
            GgufArchitecture("phi2", "phi", LAYER_NORMED),
            GgufArchitecture("phi3", "phi3", KEYS, more=values.maybe_window),
            GgufArchitecture("olmo", "olmo", OLMO, more=values.olmo, undo=unpermuted),
            GgufArchitecture("olmo2", "olmo2", KEYS, more=values.olmo2),
            GgufArchitecture("olmoe", "olmoe", KEYS, more=values.qwen_moe),
            GgufArchitecture("granite", "granite", KEYS, more=values.multipliers, undo=unpermuted),
            GgufArchitecture("seed_oss", "seed_oss", KEYS),
            GgufArchitecture("arcee", "arcee", KEYS, undo=unpermuted),
            GgufArchitecture("smollm3", "smollm3", KEYS, undo=unpermuted),
            GgufArchitecture("glm4", "glm4", KEYS),
            GgufArchitecture(
                "command-r",
                "cohere",
                LAYER_NORMED,
                more=values.logit_scale,
                shows=(("blk.0.attn_q_norm.weight", "use_qk_norm"),),
            ),
            GgufArchitecture("cohere2", "cohere2", LAYER_NORMED, more=values.cohere2),
            GgufArchitecture(
                "gpt-oss",
                "gpt_oss",
                KEYS,
                more=values.gpt_oss,
                joins=(Join(("expert_gate", "expert_up"), ("ffn_gate_exps", "ffn_up_exps"), alternating),),
            ),
            GgufArchitecture(
                "deepseek2",
                "deepseek_v3",
                KEYS,
                more=values.deepseek,
                widths=values.latent_widths,
                joins=(Join(("kv",), ("attn_k_b", "attn_v_b"), head_by_head),),
            ),
            GgufArchitecture("starcoder2", "starcoder2", STARCODER, more=values.maybe_window),
            GgufArchitecture("gptneox", "gpt_neox", LAYER_NORMED, more=values.neox, undo=grouped),
            GgufArchitecture("gpt2", "gpt2", GPT2, rotary=False),
            GgufArchitecture("bloom", "bloom", BLOOM, rotary=False, undo=grouped),
            GgufArchitecture("bert", "bert", BERT, rotary=False, causal=False),
        )
    }
)
"""`general.architecture` → how attn reads it; a new one of a known family needs only a line here."""
