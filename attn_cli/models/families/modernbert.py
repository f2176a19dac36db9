"""ModernBERT (Warner et al. 2024, arXiv 2412.13663): an encoder with RoPE and pre-norm; most layers are local."""

from attn_cli.core.masks import Local, NoMask
from attn_cli.core.norms import Norm
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Gated
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.rope_config import rotary
from attn_cli.models.network.weights import Names, Packed, grouped, third

BASES = {"full_attention": ("global_rope_theta", 160000.0), "sliding_attention": ("local_rope_theta", 10000.0)}


def read(config: Config) -> Architecture:
    heads, count = config.whole("num_attention_heads"), config.whole("num_hidden_layers")
    d_k = config.whole("hidden_size") // heads
    norm = Norm("layer", config.number("norm_eps", 1e-5))
    mlp = Gated(activation(config.word("hidden_activation", "gelu")))
    local = Local(config.whole("local_attention", 128) // 2 + 1)
    every = config.whole("global_attn_every_n_layers", 3)
    kinds = config.get("layer_types", ["sliding_attention" if i % every else "full_attention" for i in range(count)])
    bases = {kind: config.number(*spelled) for kind, spelled in BASES.items()}
    new = config.values.get("rope_parameters") is not None
    ropes = {kind: rotary(config, d_k, kind, base=None if new else bases[kind]) for kind in BASES if kind in kinds}

    def layer(number: int, kind: str) -> LayerPlan:
        return LayerPlan(
            heads=heads,
            kv_heads=heads,
            d_k=d_k,
            d_v=d_k,
            norm=norm,
            norms=("before_attention", "before_mlp") if number else ("before_mlp",),
            mlp=mlp,
            mask=local if kind == "sliding_attention" else NoMask(),
            rotary=ropes[kind],
        )

    stack = StackPlan(tuple(map(layer, range(count), kinds)), NAMES, embed_norm=norm, final_norm=norm)
    return Architecture((stack,))


NAMES: Names = {
    "embed": "embeddings.tok_embeddings",
    "embed_norm": "embeddings.norm",
    "before_attention": "layers.{i}.attn_norm",
    **{name: Packed("layers.{i}.attn.Wqkv", cut=third(index)) for index, name in enumerate("qkv")},
    "o": "layers.{i}.attn.Wo",
    "before_mlp": "layers.{i}.mlp_norm",
    "gate": Packed("layers.{i}.mlp.Wi", cut=grouped(1, 2, 0, 1)),
    "up": Packed("layers.{i}.mlp.Wi", cut=grouped(1, 2, 1, 2)),
    "down": "layers.{i}.mlp.Wo",
    "final_norm": "final_norm",
}

FAMILY = Family(
    read=read,
    harmless_keys=(
        "attention_bias", "attention_dropout", "classifier_activation", "classifier_bias", "classifier_pooling",
        "cls_token_id", "decoder_bias", "deterministic_flash_attn", "embedding_dropout", "initializer_cutoff_factor",
        "intermediate_size", "layer_norm_eps", "max_position_embeddings", "mlp_bias", "mlp_dropout", "norm_bias",
        "position_embedding_type", "reference_compile", "repad_logits_with_grad", "rope_scaling",
        "sparse_pred_ignore_index", "sparse_prediction",
    ),
    harmless_tensors=(r"(head|decoder|classifier)\..*",),
)  # fmt: skip
