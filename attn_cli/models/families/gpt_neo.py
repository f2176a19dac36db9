"""GPT-Neo (EleutherAI 2021): GPT-2 with unscaled scores and a sliding window in every other layer."""

from attn_cli.core.masks import Causal, Sliding
from attn_cli.core.norms import Norm
from attn_cli.errors import DocumentError
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    width, heads = config.whole("hidden_size"), config.whole("num_heads")
    masks = {"global": Causal(), "local": Sliding(config.whole("window_size", 256))}
    norm = Norm("layer", config.number("layer_norm_epsilon", 1e-5))
    mlp = Plain(activation(config.word("activation_function", "gelu_new")))
    layers = tuple(
        LayerPlan(
            heads=heads,
            kv_heads=heads,
            d_k=width // heads,
            d_v=width // heads,
            norm=norm,
            norms=("before_attention", "before_mlp"),
            mlp=mlp,
            mask=masks[kind],
            scale="none",
        )
        for kind in _kinds(config)
    )
    positions = config.whole("max_position_embeddings")
    stack = StackPlan(layers=layers, names=NAMES, table="learned", final_norm=norm, max_positions=positions)
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


def _kinds(config: Config) -> list[str]:
    """The kind of each layer, from `attention_types` such as [[["global", "local"], 12]]."""
    count, kinds = config.whole("num_layers"), config.get("attention_types", [[["global", "local"], 12]])
    try:
        expanded = [kind for pattern, times in kinds for kind in list(pattern) * times]
        if len(expanded) == count and {*expanded} <= {"global", "local"}:
            return expanded
    except (TypeError, ValueError):
        pass
    raise DocumentError(
        f"{config.where}: attention_types: expected {count} times global or local, found {kinds!r}"[:300],
        hint='it is written like [[["global", "local"], 12]]',
    )


NAMES: Names = {
    "embed": "wte",
    "positions": "wpe",
    "before_attention": "h.{i}.ln_1",
    **{name: f"h.{{i}}.attn.attention.{name}_proj" for name in "qkv"},
    "o": "h.{i}.attn.attention.out_proj",
    "before_mlp": "h.{i}.ln_2",
    "up": "h.{i}.mlp.c_fc",
    "down": "h.{i}.mlp.c_proj",
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "attention_dropout", "attention_layers", "embed_dropout", "intermediate_size", "resid_dropout",
        "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
    ),
    harmless_tensors=(r".*\.attn\.attention\.(bias|masked_bias)",),
)  # fmt: skip
