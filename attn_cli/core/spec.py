"""Spec: the settings of an attention, and Extras: arrays that act on it beside its projections."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from attn_cli.core.masks import MASKS, MASKS_ALSO, Mask, NoMask
from attn_cli.core.positions import POSITIONS, POSITIONS_ALSO, QUERY_SCALINGS, NoPositions, Positions, QueryScaling
from attn_cli.core.spelling import finite, parse, positive, spell
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Array, Settings

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit
    from attn_cli.core.norms import HeadNorm
    from attn_cli.core.watching import Watch

DTYPES = ("float64", "float32", "float16")
"""The dtypes that arithmetic runs in; a trace may also hold bfloat16."""
SCALE_RULES = ("sqrt", "none")
ScaleRule = float | Literal["sqrt", "none"]


@dataclass(frozen=True)
class Spec:
    """The settings of an attention; `heads` query heads share `kv_heads` key/value heads.

    `d_k` is the width of a head, needed only if Q is not known. `temperature` divides the scores before softmax.
    `clip` limits Q, K and V to ± `clip`, then `qk_norm` normalizes queries and keys; `query_scaling` comes last.
    """

    heads: int = 1
    kv_heads: int | None = None
    mask: Mask = NoMask()
    positions: Positions = NoPositions()
    scale: ScaleRule = "sqrt"
    softcap: float | None = None
    dtype: str = "float64"
    d_k: int | None = None
    temperature: float = 1.0
    qk_norm: "HeadNorm | None" = None
    clip: float | None = None
    query_scaling: QueryScaling | None = None

    def __post_init__(self) -> None:
        if self.heads < 1 or self.key_heads < 1:
            raise SpecError(f"{min(self.heads, self.key_heads)} heads cannot attend", hint="choose 1 or more")
        parse_dtype(self.dtype)
        if self.heads % self.key_heads:
            divisors = ", ".join(str(i) for i in range(1, self.heads + 1) if self.heads % i == 0)
            raise SpecError(
                f"{self.heads} heads cannot share {self.key_heads} key/value heads evenly",
                hint=f"choose a divisor of {self.heads}: {divisors}",
            )

    @property
    def key_heads(self) -> int:
        """The number of key/value heads."""
        return self.heads if self.kv_heads is None else self.kv_heads

    def factor(self, d_k: int | None) -> float | None:
        """The factor of the scores, 1/√d_k unless set; None if scores are not scaled."""
        if self.scale == "none" or (self.scale == "sqrt" and d_k is None):
            return None
        return 1 / math.sqrt(d_k or 1) if self.scale == "sqrt" else float(self.scale)

    def divided(self, d_k: int | None) -> "Spec":
        """The same spec with the temperature moved into the scale, for scores without softcap or bias."""
        if self.temperature == 1:
            return self
        factor = self.factor(d_k)
        return replace(self, scale=(1.0 if factor is None else factor) / self.temperature, temperature=1.0)

    def settings(self, d_k: int | None) -> Settings:
        """The settings as a trace spells them; with an unknown `d_k` the scale stays `sqrt`."""
        factor = self.scale if d_k is None and self.scale == "sqrt" else self.factor(d_k)
        return Settings(
            mask=spell(self.mask, MASKS),
            positions=spell(self.positions, POSITIONS),
            scale="none" if factor is None else factor,
            softcap=self.softcap,
            dtype=self.dtype,
        )


@dataclass(frozen=True, eq=False, repr=False)
class Extras:
    """Arrays that act on attention beside its projections.

    `bias` (query, key) or (head, query, key) is added to scores; `hidden` of the same shape is True at masked cells.
    `sinks` (head) are scores that join each softmax. `position_embeddings` (position, d_model) are added to X.
    `position_ids` and `position_ids_context` are the positions of tokens, None for 0, 1, 2, …. `edits` replace numbers
    of stages. `Q_norm` and `K_norm` are the weights of the QK-norm: (feature), (head, feature) or (head · feature),
    as its `over` says. `rotary_frequencies` (pair), in radians per position, replace those of rope. `watch`
    is shown the scores while they are computed.
    """

    bias: Array | None = None
    hidden: Array | None = None
    sinks: Array | None = None
    position_embeddings: Array | None = None
    position_ids: Array | None = None
    position_ids_context: Array | None = None
    edits: "tuple[Edit, ...]" = ()
    Q_norm: Array | None = None
    K_norm: Array | None = None
    Q_norm_bias: Array | None = None
    K_norm_bias: Array | None = None
    rotary_frequencies: Array | None = None
    watch: "Watch | None" = None


def parse_mask(text: str) -> Mask:
    """The mask of a spelling such as `sliding:4`; SpecError if there is none."""
    mask: Mask = parse(text, MASKS, "mask", MASKS_ALSO)
    return mask


def parse_positions(text: str) -> Positions:
    """The position scheme of a spelling such as `rope:10000`; SpecError if there is none."""
    positions: Positions = parse(text, POSITIONS, "position scheme", POSITIONS_ALSO)
    return positions


def parse_qk_norm(text: str) -> "HeadNorm":
    """The QK-norm of a spelling such as `rms:1e-06`; SpecError if there is none."""
    from attn_cli.core.norms import QK_NORMS

    norm: HeadNorm = parse(text, QK_NORMS, "norm of queries and keys")
    return norm


def parse_query_scaling(text: str) -> QueryScaling:
    """The query scaling of a spelling such as `log:0.1,step=8192`; SpecError if there is none."""
    scaling: QueryScaling = parse(text, QUERY_SCALINGS, "scaling of queries")
    return scaling


def parse_clip(text: str | float) -> float:
    """The limit of Q, K and V, a number above 0; SpecError for anything else."""
    return positive(text, "clip", "Q, K and V are limited to ± a number such as 8")


def parse_scale(text: str | float) -> ScaleRule:
    """The scale: `sqrt`, `none` or a finite number; SpecError for anything else."""
    if text == "sqrt":
        return "sqrt"
    if text == "none":
        return "none"
    if (number := finite(text)) is None:
        raise SpecError(f"unknown scale {text!r}", hint="a scale is sqrt (1/√d_k), none, or a number such as 0.5")
    return number


def parse_softcap(text: str | float) -> float | None:
    """The softcap, a number above 0, or None for `none`; SpecError for anything else."""
    return None if text == "none" else positive(text, "softcap", "a softcap is a number such as 50, or none")


def parse_temperature(text: str | float) -> float:
    """The temperature, a number above 0; SpecError for anything else."""
    return positive(text, "temperature", "a temperature is a number above 0: below 1 sharpens, above 1 evens out")


def parse_dtype(text: str) -> str:
    """The dtype of the arithmetic; SpecError if it is not in `DTYPES`."""
    if text not in DTYPES:
        raise SpecError(f"unknown dtype {text!r}", hint=f"a dtype is one of {', '.join(DTYPES)}")
    return text
