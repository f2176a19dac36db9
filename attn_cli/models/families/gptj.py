"""GPT-J (EleutherAI 2021) and CodeGen (arXiv 2203.13474): interleaved RoPE, parallel attention and MLP."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, fused


def read(config: Config) -> Architecture:
    width, heads = config.whole("n_embd"), config.whole("n_head")
    config.must_be("rotary", True)
    config.must_be("scale_attn_weights", True)
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", config.number("layer_norm_epsilon", 1e-5)),
        norms=("before_attention",),
        mlp=Plain(activation(config.word("activation_function", "gelu_new"))),
        mask=Causal(),
        rotary=rotary(config, width // heads, style="interleaved", dim=config.whole("rotary_dim")),
        parallel=True,
    )
    codegen = fused("h.{i}.attn.qkv_proj", heads, heads, groups=4, order="qvk")
    stack = StackPlan(
        layers=(layer,) * config.whole("n_layer"),
        names={**NAMES, **codegen} if config.word("model_type") == "codegen" else NAMES,
        final_norm=layer.norm,
        max_positions=config.whole("n_positions"),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", False)))


NAMES: Names = {
    "embed": "wte",
    "before_attention": "h.{i}.ln_1",
    **{name: f"h.{{i}}.attn.{name}_proj" for name in "qkv"},
    "o": "h.{i}.attn.out_proj",
    "up": "h.{i}.mlp.fc_in",
    "down": "h.{i}.mlp.fc_out",
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "attn_pdrop", "embd_pdrop", "n_ctx", "n_inner", "resid_pdrop", "summary_activation", "summary_first_dropout",
        "summary_proj_to_labels", "summary_type", "summary_use_proj",
    ),
    harmless_tensors=(r".*\.attn\.(bias|masked_bias|causal_mask)",),
)  # fmt: skip
