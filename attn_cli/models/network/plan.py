"""Plans: the computation of a model, layer by layer, as frozen values that a family makes from a config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from attn_cli.core.masks import Mask, NoMask
from attn_cli.core.norms import Norm
from attn_cli.core.positions import Alibi, NoPositions, Positions, QueryScaling
from attn_cli.core.spec import ScaleRule, Spec
from attn_cli.models.network.arithmetic import sinusoids
from attn_cli.models.network.rotary import Rotary
from attn_cli.models.network.weights import Names, Weights
from attn_cli.trace.trace import Array

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit

Slot = Literal[
    "before_attention",
    "after_attention",
    "attention_sum",
    "before_cross",
    "cross_sum",
    "before_mlp",
    "after_mlp",
    "mlp_sum",
]


class Mlp(Protocol):
    """A layer's MLP: x (token, d_model) to the same shape."""

    def __call__(self, x: Array, weights: Weights) -> Array: ...


class Relative(Protocol):
    """A relative position bias (head, query, key), from weights; None if the layer has no weights for it."""

    def __call__(self, weights: Weights, queries: Array, keys: Array) -> Array | None: ...


class Disentangled(Protocol):
    """A bias (head, query, key) from queries and keys (head, token, feature) and their distances."""

    def __call__(self, weights: Weights, q: Array, k: Array, queries: Array, keys: Array) -> Array: ...


class Projecting(Protocol):
    """Queries, keys and values (head, token, feature) with their formulas, if they are not linear maps of X."""

    def __call__(self, weights: Weights, x: Array) -> Mapping[str, tuple[Array, str]]: ...


class QKNorm(NamedTuple):
    """QK-norm: a norm of queries and keys, over each head's features or over all heads, before rotation or after.

    Heads share their weights, unless `over` is "each".
    """

    norm: Norm
    over: Literal["head", "each", "all"] = "head"
    after_rotation: bool = False


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """One layer: its heads, the steps on its scores, its norms and its MLP.

    `norms` names the slots that have a norm: before or after attention and MLP (pre-norm), or over the sum with the
    residual stream (post-norm, as in BERT). `parallel` feeds attention and MLP from the same residual stream. `clip`
    limits Q, K and V. `temperature` divides scores before softmax. `edits` change stages of self-attention,
    `cross_edits` those of cross-attention.
    """

    heads: int
    kv_heads: int
    d_k: int
    d_v: int
    norm: Norm
    norms: tuple[Slot, ...]
    mlp: Mlp
    mask: Mask = NoMask()
    scale: ScaleRule = "sqrt"
    softcap: float | None = None
    rotary: Rotary | None = None
    query_scaling: QueryScaling | None = None
    alibi: bool = False
    relative: Relative | None = None
    disentangled: Disentangled | None = None
    qk_norm: QKNorm | None = None
    sinks: bool = False
    clip: float | None = None
    parallel: bool = False
    residual_scale: float = 1.0
    cross: bool = False
    projecting: Projecting | None = None
    temperature: float = 1.0
    edits: "tuple[Edit, ...]" = ()
    cross_edits: "tuple[Edit, ...]" = ()

    @property
    def positions(self) -> Positions:
        """The position scheme, as a trace names it."""
        return self.rotary.scheme if self.rotary else Alibi() if self.alibi else NoPositions()

    def spec(self, *, cross: bool = False) -> Spec:
        """The settings of its attention; cross-attention has no mask and no positions."""
        return Spec(
            heads=self.heads,
            kv_heads=self.kv_heads,
            mask=NoMask() if cross else self.mask,
            positions=NoPositions() if cross else self.positions,
            scale=self.scale,
            softcap=self.softcap,
            dtype="float32",
            temperature=self.temperature,
            clip=self.clip,
            query_scaling=self.query_scaling,
        )


@dataclass(frozen=True, eq=False)
class StackPlan:
    """A stack of layers, from embeddings to a final norm.

    `names` maps our names to the checkpoint's weights; `name` is the prefix of `layers.0`. `table` is the kind of
    position table, `sines` makes a sinusoidal one, and `position_offset` is added to the index into it. `padding` is
    the padding token's id, if padding does not advance positions (RoBERTa). `embed_scale` multiplies token vectors.
    """

    layers: tuple[LayerPlan, ...]
    names: Names
    name: str = ""
    embed_scale: float = 1.0
    table: Literal["learned", "sinusoidal", "none"] = "none"
    sines: Callable[[Array, int], Array] = sinusoids
    position_offset: int = 0
    padding: int | None = None
    embed_norm: Norm | None = None
    final_norm: Norm | None = None
    max_positions: int | None = None

    def layer_name(self, number: int) -> str:
        """The name of a layer of this stack: `layers.0`, `decoder.layers.0`; its cross-attention appends `.cross`."""
        return f"{self.name}.layers.{number}" if self.name else f"layers.{number}"

    def positions(self, ids: Array) -> Array:
        """The index of each token (token) into the table of positions."""
        if self.padding is None:
            return np.arange(len(ids)) + self.position_offset
        real = ids != self.padding
        return np.where(real, np.cumsum(real) - 1 + self.position_offset, self.position_offset - 1)


class Unembedding(NamedTuple):
    """From the last state to logits: by the embedding table if `tied`, times `scale`, with a softcap if set."""

    tied: bool
    scale: float = 1.0
    softcap: float | None = None
