"""Apertus (Swiss AI 2025, arXiv 2509.14233): Llama's layers with QK-norm and a learned activation."""

from dataclasses import dataclass, replace

import numpy as np

from attn_cli.errors import DocumentError
from attn_cli.models.families.llama import HARMLESS_KEYS, HARMLESS_TENSORS, QK_NAMES, architecture, plain_layer
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import QKNorm
from attn_cli.models.network.products import through
from attn_cli.models.network.weights import Names, Packed, Weights
from attn_cli.trace.trace import Array

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 12e6,
    "factor": 8.0,
    "original_max_position_embeddings": 8192,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}


@dataclass(frozen=True)
class Learning:
    """down(xIELU(up(x))): xIELU is a parabola above 0 and exponential below (Huang 2024, arXiv 2411.13010)."""

    def __call__(self, x: Array, weights: Weights) -> Array:
        slope, edge = _number(weights, "slope", 0.5), _number(weights, "edge", -1e-6)
        above, below = _softplus(_number(weights, "above")), _softplus(_number(weights, "below")) + slope

        def act(x: Array) -> Array:
            bent = (np.expm1(np.minimum(x, edge)) - x) * below
            y: Array = np.where(x > 0, above * x * x, bent) + slope * x
            return y

        return through(x, [weights.linear("up")], act, weights.linear("down"))


def _number(weights: Weights, name: str, default: float | None = None) -> np.float32:
    value = weights.find(name)
    if value is None and default is not None:
        return np.float32(default)
    if value is None or value.size != 1:
        raise DocumentError(
            f"the checkpoint lacks {weights.named(name)}, or it is not one number",
            hint="copy or download all of its files",
        )
    return np.float32(value.item())


def _softplus(x: np.float32) -> np.float32:
    return np.float32(np.logaddexp(x, 0))


def read(config: Config) -> Architecture:
    config.assume({"rms_norm_eps": 1e-5, "rope_scaling": LLAMA3})
    for key, value in {"hidden_act": "xielu", "qk_norm": True, "post_norm": False}.items():
        config.must_be(key, value)
    layer = plain_layer(config, mlp=Learning())
    layer = replace(layer, qk_norm=QKNorm(layer.norm))
    return architecture(config, (layer,) * config.whole("num_hidden_layers"), APERTUS_NAMES)


APERTUS_NAMES: Names = {
    **QK_NAMES,
    "before_attention": "layers.{i}.attention_layernorm",
    "before_mlp": "layers.{i}.feedforward_layernorm",
    **{
        name: Packed(f"layers.{{i}}.mlp.act_fn.{stored}", raw=True)
        for name, stored in {"above": "alpha_p", "below": "alpha_n", "slope": "beta", "edge": "eps"}.items()
    },
}

FAMILY = Family(read=read, harmless_keys=HARMLESS_KEYS, harmless_tensors=HARMLESS_TENSORS)
