"""EuroBERT (Boizard et al. 2025, arXiv 2503.05500): an encoder of Llama's layers, without a mask."""

from dataclasses import replace

from attn_cli.core.masks import NoMask
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config


def read(config: Config) -> Architecture:
    config.must_be("is_decoder", False)
    layer = replace(plain_layer(config.assume({"rms_norm_eps": 1e-5})), mask=NoMask())
    layers = (layer,) * config.whole("num_hidden_layers")
    return replace(architecture(config, layers), unembedding=None)


FAMILY = Family(
    read=read,
    harmless_keys=(*HARMLESS_KEYS, "classifier_pooling", "clf_pooling", "mask_token", "mask_token_id", "pad_token"),
    harmless_tensors=(*HARMLESS_TENSORS, r"(dense|classifier)\..*"),
)
