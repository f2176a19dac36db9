"""GPT-2 (Radford et al. 2019): pre-norm, learned positions, matrices stored in × out, one matrix for Q, K and V."""

from attn_cli.core.masks import Causal
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan, Unembedding
from attn_cli.models.network.weights import Names, Packed, third


def read(config: Config) -> Architecture:
    width, heads = config.whole("n_embd"), config.whole("n_head")
    config.must_be("add_cross_attention", False)
    scaled = config.flag("scale_attn_weights", True)
    by_layer = config.flag("scale_attn_by_inverse_layer_idx", False)
    norm = Norm("layer", config.number("layer_norm_epsilon", 1e-5))
    mlp = Plain(activation(config.word("activation_function", "gelu_new")))

    def layer(number: int) -> LayerPlan:
        scale = (width // heads) ** -0.5 if scaled else 1.0
        return LayerPlan(
            heads=heads,
            kv_heads=heads,
            d_k=width // heads,
            d_v=width // heads,
            norm=norm,
            norms=("before_attention", "before_mlp"),
            mlp=mlp,
            mask=Causal(),
            scale=scale / (number + 1) if by_layer else "sqrt" if scaled else "none",
        )

    stack = StackPlan(
        layers=tuple(map(layer, range(config.whole("n_layer")))),
        names=NAMES,
        table="learned",
        final_norm=norm,
        max_positions=config.whole("n_positions"),
    )
    return Architecture((stack,), Unembedding(tied=config.flag("tie_word_embeddings", True)))


NAMES: Names = {
    "embed": "wte",
    "positions": "wpe",
    "before_attention": "h.{i}.ln_1",
    **{name: Packed("h.{i}.attn.c_attn", cut=third(index), transposed=True) for index, name in enumerate("qkv")},
    "o": Packed("h.{i}.attn.c_proj", transposed=True),
    "before_mlp": "h.{i}.ln_2",
    "up": Packed("h.{i}.mlp.c_fc", transposed=True),
    "down": Packed("h.{i}.mlp.c_proj", transposed=True),
    "final_norm": "ln_f",
    "unembed": "/lm_head",
}

FAMILY = Family(
    read=read,
    prefixes=("transformer.", ""),
    harmless_keys=(
        "n_ctx", "n_inner", "n_special", "predict_special_tokens", "resid_pdrop", "embd_pdrop", "attn_pdrop",
        "reorder_and_upcast_attn", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
        "summary_first_dropout",
    ),
    harmless_tensors=(r".*\.attn\.(bias|masked_bias)",),
)  # fmt: skip
