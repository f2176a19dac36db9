"""ELECTRA (Clark et al. 2020, arXiv 2003.10555): BERT with embeddings that may be narrower than the layers."""

from attn_cli.models.families.bert import HARMLESS_KEYS, HARMLESS_TENSORS, NAMES, plain_layer, stack
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config


def read(config: Config) -> Architecture:
    return Architecture((stack(config, plain_layer(config), {**NAMES, "embed_project": "embeddings_project"}),))


FAMILY = Family(
    read=read,
    prefixes=("electra.", ""),
    harmless_keys=(
        *HARMLESS_KEYS, "embedding_size", "summary_activation", "summary_last_dropout", "summary_type",
        "summary_use_proj",
    ),
    harmless_tensors=(
        *HARMLESS_TENSORS, r"(discriminator_predictions|generator_predictions|generator_lm_head|sequence_summary)\..*",
    ),
)  # fmt: skip
