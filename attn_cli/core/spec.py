"""Spec: how attention is to be computed, apart from the numbers it is computed on."""

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

DTYPES = ("float64", "float32", "float16")
SCALE_RULES = ("sqrt", "none")
ScaleRule = float | Literal["sqrt", "none"]


@dataclass(frozen=True)
class Spec:
    """Heads, mask, positions, scale, softcap and dtype; `heads` query heads share `kv_heads` key/value heads.

    `d_k` is the width of a head, where it cannot be read off Q. `temperature` divides the scores before softmax.
    `clip` limits Q, K and V to ± itself, then `qk_norm` norms queries and keys, and `query_scaling` comes last.
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
        return self.heads if self.kv_heads is None else self.kv_heads

    def factor(self, d_k: int | None) -> float | None:
        """What scores are multiplied with, 1/√d_k unless set; None where they are not scaled."""
        if self.scale == "none" or (self.scale == "sqrt" and d_k is None):
            return None
        return 1 / math.sqrt(d_k or 1) if self.scale == "sqrt" else float(self.scale)

    def divided(self, d_k: int | None) -> "Spec":
        """The same arithmetic with the temperature in the scale, for scores that are scaled and no more than that."""
        if self.temperature == 1:
            return self
        factor = self.factor(d_k)
        return replace(self, scale=(1.0 if factor is None else factor) / self.temperature, temperature=1.0)

    def settings(self, d_k: int | None) -> Settings:
        """The spellings that a trace stores; the root of an unknown `d_k` stays a rule."""
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

    `bias` (query, key) or (head, query, key) is added to scores; `hidden` of the same
    shape is True where a query may not look. `sinks` (head) join each softmax. `position_embeddings`
    (position, d_model) are added to X. `position_ids` and `position_ids_context` say where queries or keys stand, if
    not at 0, 1, 2, …. `edits` are put in place of what stages hold. `Q_norm` and `K_norm` are the weights of the norm
    of queries and keys: (feature), (head, feature) or (head · feature) as it says. `rotary_frequencies` (pair), in
    radians per position, stand in place of the base of rope.
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


def parse_mask(text: str) -> Mask:
    mask: Mask = parse(text, MASKS, "mask", MASKS_ALSO)
    return mask


def parse_positions(text: str) -> Positions:
    positions: Positions = parse(text, POSITIONS, "position scheme", POSITIONS_ALSO)
    return positions


def parse_qk_norm(text: str) -> "HeadNorm":
    from attn_cli.core.norms import QK_NORMS

    norm: HeadNorm = parse(text, QK_NORMS, "norm of queries and keys")
    return norm


def parse_query_scaling(text: str) -> QueryScaling:
    scaling: QueryScaling = parse(text, QUERY_SCALINGS, "scaling of queries")
    return scaling


def parse_clip(text: str | float) -> float:
    """A number above 0."""
    return positive(text, "clip", "Q, K and V are limited to ± a number such as 8")


def parse_scale(text: str | float) -> ScaleRule:
    """`sqrt`, `none` or a finite number."""
    if text == "sqrt":
        return "sqrt"
    if text == "none":
        return "none"
    if (number := finite(text)) is None:
        raise SpecError(f"unknown scale {text!r}", hint="a scale is sqrt (1/√d_k), none, or a number such as 0.5")
    return number


def parse_softcap(text: str | float) -> float | None:
    """A number above 0, or `none`."""
    return None if text == "none" else positive(text, "softcap", "a softcap is a number such as 50, or none")


def parse_temperature(text: str | float) -> float:
    """A number above 0."""
    return positive(text, "temperature", "a temperature is a number above 0: below 1 sharpens, above 1 evens out")


def parse_dtype(text: str) -> str:
    if text not in DTYPES:
        raise SpecError(f"unknown dtype {text!r}", hint=f"a dtype is one of {', '.join(DTYPES)}")
    return text
