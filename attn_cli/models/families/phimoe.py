"""Phi-3.5-MoE (arXiv 2404.14219): Mixtral's layers with LayerNorm and two experts, chosen one after the other."""

from dataclasses import dataclass, replace

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import HARMLESS_TENSORS, architecture, plain_layer, window
from attn_cli.models.families.mixtral import EXPERT_KEYS, MIXTRAL_NAMES, experts
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.rotary import Rotary
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class InTurn:
    """The best expert, then the best of the others; each one's share is a softmax over the logits near it.

    A logit is near if it is below the best by at most the fraction `near` of itself or of the best, whichever is larger
    (SparseMixer, Liu et al. 2024, arXiv 2409.12136).
    """

    near: float

    def __call__(self, logits: Array, weights: Weights) -> Array:
        remaining, shares = logits.copy(), np.zeros_like(logits)
        for _ in range(2):
            best = remaining.argmax(axis=1)[:, np.newaxis]
            top = np.take_along_axis(remaining, best, axis=1)
            close = (top - logits) / np.maximum(np.abs(logits), top) <= self.near
            among = np.where(close, np.exp(remaining - top), 0).sum(axis=1, keepdims=True)
            np.put_along_axis(shares, best, 1 / among, axis=1)
            np.put_along_axis(remaining, best, -np.inf, axis=1)
        return shares


def read(config: Config) -> Architecture:
    config.assume({"num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "num_experts_per_tok": 2})
    config.must_be("num_experts_per_tok", 2)
    plain = plain_layer(config)
    assert plain.rotary is not None
    mlp = replace(experts(config, among=False), route=InTurn(2 * config.number("router_jitter_noise", 0.01)))
    layer = replace(
        plain,
        norm=Norm("layer", plain.norm.eps),
        mask=window(config),
        rotary=_lengthened(config, plain.rotary),
        mlp=mlp,
    )
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), MIXTRAL_NAMES)


def _lengthened(config: Config, rotary: Rotary) -> Rotary:
    """The rotary embedding with the factor of its settings, which were read last; unchanged without a factor."""
    settings = config.parts[-1]
    short, long = (settings.number(f"{name}_mscale", None) for name in ("short", "long"))
    if short != long:
        raise DocumentError(
            f"{settings.where}: short_mscale is {short} and long_mscale {long}, which attn does not compute",
            hint="it computes one for all lengths",
        )
    return rotary if short is None else replace(rotary, factor=short)


FAMILY = Family(
    read=read,
    harmless_keys=(
        *EXPERT_KEYS, "hidden_dropout", "input_jitter_noise", "lm_head_bias", "original_max_position_embeddings",
    ),
    harmless_tensors=HARMLESS_TENSORS,
)  # fmt: skip
