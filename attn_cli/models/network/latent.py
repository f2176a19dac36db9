"""Queries, keys and values out of compressed vectors (multi-head latent attention; DeepSeek-V2, arXiv 2405.04434)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attn_cli.core.norms import Norm
from attn_cli.core.ops import split_heads
from attn_cli.core.record import by
from attn_cli.models.network.weights import Weights
from attn_cli.trace.trace import Array


@dataclass(frozen=True)
class Latent:
    """Each head's queries and keys have `turned` features that are rotated, first, and `plain` ones that are not.

    The rotated features of a key are those of X itself, the same in all heads; the rest of it, and values of width
    `d_v`, come from the compressed vector. Queries may come from one of their own.
    """

    norm: Norm
    heads: int
    turned: int
    plain: int
    d_v: int

    def __call__(self, weights: Weights, x: Array) -> Mapping[str, tuple[Array, str]]:
        compressed = weights.find("q_down") is not None
        source = weights.normed(self.norm, "q_down_norm", weights.apply("q_down", x)) if compressed else x
        q = weights.apply("q", source)
        weights.check_heads("q", q, self.heads, self.plain + self.turned)
        q = np.roll(split_heads(q, self.heads), self.turned, axis=-1)  # stored plain ones first

        down = weights.apply("kv_down", x)
        kv = weights.apply("kv", weights.normed(self.norm, "kv_down_norm", down[:, : -self.turned]))
        weights.check_heads("kv", kv, self.heads, self.plain + self.d_v)
        plain, v = np.split(split_heads(kv, self.heads), [self.plain], axis=-1)
        turned = np.broadcast_to(down[:, -self.turned :], (*plain.shape[:2], self.turned))
        k = np.concatenate([turned, plain], axis=-1)

        heads = f"{self.heads} heads of"
        latent = "norm(X · W_DKV) · W_U"
        return {
            "Q": (q, f"Q = {'norm(X · W_DQ) · W_UQ' if compressed else 'X · W_Q'}   {by(x)}, {heads} {by(q[0])}"),
            "K": (k, f"K = X · W_KR beside {latent}K   {by(x)}, {heads} {by(k[0])}"),
            "V": (np.ascontiguousarray(v), f"V = {latent}V   {by(x)}, {heads} {by(v[0])}"),
        }
