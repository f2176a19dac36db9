"""DistilBERT (Sanh et al. 2019, arXiv 1910.01108): BERT with fewer layers and without token types."""

from attn_cli.core.norms import Norm
from attn_cli.models.families.bert import EMBEDDINGS, HARMLESS_TENSORS
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.arithmetic import activation
from attn_cli.models.network.mlp import Plain
from attn_cli.models.network.plan import LayerPlan, StackPlan
from attn_cli.models.network.weights import Names


def read(config: Config) -> Architecture:
    width, heads = config.whole("dim"), config.whole("n_heads")
    layer = LayerPlan(
        heads=heads,
        kv_heads=heads,
        d_k=width // heads,
        d_v=width // heads,
        norm=Norm("layer", 1e-12),
        norms=("attention_sum", "mlp_sum"),
        mlp=Plain(activation(config.word("activation", "gelu"))),
    )
    stack = StackPlan(
        layers=(layer,) * config.whole("n_layers"),
        names=NAMES,
        table="learned",
        embed_norm=layer.norm,
        max_positions=config.whole("max_position_embeddings"),
    )
    return Architecture((stack,))


_LAYER = "transformer.layer.{i}."
NAMES: Names = {
    **{name: module for name, module in EMBEDDINGS.items() if name != "token_types"},
    **{name: f"{_LAYER}attention.{name}_lin" for name in "qkv"},
    "o": f"{_LAYER}attention.out_lin",
    "attention_sum": f"{_LAYER}sa_layer_norm",
    "up": f"{_LAYER}ffn.lin1",
    "down": f"{_LAYER}ffn.lin2",
    "mlp_sum": f"{_LAYER}output_layer_norm",
}

FAMILY = Family(
    read=read,
    prefixes=("distilbert.", ""),
    # Sinusoidal positions are stored as a table too.
    harmless_keys=(
        "attention_dropout", "dropout", "hidden_dim", "qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds",
        "tie_weights_",
    ),
    harmless_tensors=(*HARMLESS_TENSORS, r"(vocab_transform|vocab_layer_norm|vocab_projector|pre_classifier)\..*"),
)  # fmt: skip
