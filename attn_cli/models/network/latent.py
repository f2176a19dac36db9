"""Multi-head latent attention: queries, keys and values from compressed vectors (DeepSeek-V2, arXiv 2405.04434)."""

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
    """Each head's queries and keys have `rotated` features first, then `plain` features without rotation.

    The rotated features of a key are projected from X and shared by all heads. Its plain features and the values, of
    width `d_v`, come from the compressed vector. Queries may come from a compressed vector of their own.
    """

    norm: Norm
    heads: int
    rotated: int
    plain: int
    d_v: int

    def __call__(self, weights: Weights, x: Array) -> Mapping[str, tuple[Array, str]]:
        compressed = weights.find("q_down") is not None
        source = weights.normed(self.norm, "q_down_norm", weights.apply("q_down", x)) if compressed else x
        q = weights.apply("q", source)
        weights.check_heads("q", q, self.heads, self.plain + self.rotated)
        q = np.roll(split_heads(q, self.heads), self.rotated, axis=-1)  # stored with plain features first

        down = weights.apply("kv_down", x)
        kv = weights.apply("kv", weights.normed(self.norm, "kv_down_norm", down[:, : -self.rotated]))
        weights.check_heads("kv", kv, self.heads, self.plain + self.d_v)
        plain, v = np.split(split_heads(kv, self.heads), [self.plain], axis=-1)
        rotated = np.broadcast_to(down[:, -self.rotated :], (*plain.shape[:2], self.rotated))
        k = np.concatenate([rotated, plain], axis=-1)

        heads = f"{self.heads} heads of"
        latent = "norm(X · W_DKV) · W_U"
        return {
            "Q": (q, f"Q = {'norm(X · W_DQ) · W_UQ' if compressed else 'X · W_Q'}   {by(x)}, {heads} {by(q[0])}"),
            "K": (k, f"K = X · W_KR beside {latent}K   {by(x)}, {heads} {by(k[0])}"),
            "V": (np.ascontiguousarray(v), f"V = {latent}V   {by(x)}, {heads} {by(v[0])}"),
        }
