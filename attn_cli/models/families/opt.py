"""OPT and Galactica (arXiv 2205.01068, 2211.09085): learned positions, pre-norm or post-norm."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    first, bare = config.flag("do_layer_norm_before", True), config.flag("_remove_final_layer_norm", False)
    norm = Norm("layer", 1e-5)
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=norm,
        norms=("before_attention", "before_mlp") if first else ("attention_sum", "mlp_sum"),
        mlp=Plain(activation(config.word("activation_function", "relu"))),
        mask=Causal(),
    )
    stack = StackPlan(
        layers=(layer,) * config.whole("num_hidden_layers"),
        names=NAMES,
        table="learned",
        position_offset=2,
        final_norm=norm if first and not bare else None,
        max_positions=config.whole("max_position_embeddings"),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


NAMES: Names = {
    "embed": "embed_tokens",
    "project_in": "project_in",
    "positions": "embed_positions",
    **dict.fromkeys(("before_attention", "attention_sum"), "layers.{i}.self_attn_layer_norm"),
    **{name: f"layers.{{i}}.self_attn.{name}_proj" for name in "qkv"},
    "o": "layers.{i}.self_attn.out_proj",
    **dict.fromkeys(("before_mlp", "mlp_sum"), "layers.{i}.final_layer_norm"),
    "up": "layers.{i}.fc1",
    "down": "layers.{i}.fc2",
    "final_norm": "final_layer_norm",
    "project_out": "project_out",
    "unembed": "/lm_head",
}

# The tensors show enable_bias, layer_norm_elementwise_affine and word_embed_proj_dim.
FAMILY = Family(
    read=read,
    prefixes=("model.decoder.", "decoder.", ""),
    harmless_keys=(
        "activation_dropout", "attention_dropout", "dropout", "enable_bias", "ffn_dim", "init_std", "layerdrop",
        "layer_norm_elementwise_affine", "word_embed_proj_dim",
    ),
)  # fmt: skip
