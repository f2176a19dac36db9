"""Spec: how attention is to be computed, apart from the numbers it is computed on."""

import math
from dataclasses import dataclass
from typing import Literal

from attn_cli.core.masks import MASKS, Mask, NoMask
from attn_cli.core.positions import POSITIONS, NoPositions
from attn_cli.core.spelling import parse, spell
from attn_cli.errors import SpecError
from attn_cli.trace.trace import Settings

DTYPES = ("float64", "float32")
ScaleRule = float | Literal["sqrt", "none"]


@dataclass(frozen=True)
class Spec:
    """Heads, mask, positions, scale and dtype; `kv_heads` key/value heads are shared by `heads` query heads."""

    heads: int = 1
    kv_heads: int | None = None
    mask: Mask = NoMask()
    positions: NoPositions = NoPositions()
    scale: ScaleRule = "sqrt"
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.heads % self.key_heads:
            divisors = ", ".join(str(i) for i in range(1, self.heads + 1) if self.heads % i == 0)
            raise SpecError(
                f"{self.heads} heads cannot share {self.key_heads} key/value heads evenly",
                hint=f"choose a divisor of {self.heads}: {divisors}",
            )

    @property
    def key_heads(self) -> int:
        return self.heads if self.kv_heads is None else self.kv_heads

    def factor(self, d_k: int) -> float | None:
        """What scores are multiplied with, 1/√d_k unless set; None where they are not scaled."""
        if self.scale == "none":
            return None
        return 1 / math.sqrt(d_k) if self.scale == "sqrt" else float(self.scale)

    def settings(self, factor: float | None) -> Settings:
        """The spellings that a trace stores."""
        return Settings(
            mask=spell(self.mask, MASKS),
            positions=spell(self.positions, POSITIONS),
            scale="none" if factor is None else factor,
            dtype=self.dtype,
        )


def parse_mask(text: str) -> Mask:
    mask: Mask = parse(text, MASKS, "mask")
    return mask


def parse_positions(text: str) -> NoPositions:
    positions: NoPositions = parse(text, POSITIONS, "position scheme")
    return positions


def parse_scale(text: str | float) -> ScaleRule:
    """`sqrt`, `none` or a finite number."""
    if text == "sqrt" or text == "none":
        return "sqrt" if text == "sqrt" else "none"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (isinstance(text, str) and "_" in text):
        raise SpecError(f"unknown scale {text!r}", hint="a scale is sqrt (1/√d_k), none, or a number such as 0.5")
    return number


def parse_dtype(text: str) -> str:
    if text not in DTYPES:
        raise SpecError(f"unknown dtype {text!r}", hint=f"a dtype is one of {', '.join(DTYPES)}")
    return text
