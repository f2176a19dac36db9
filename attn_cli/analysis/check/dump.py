"""Dump: what one layer stores, and what it declares of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.computing.rounding import LOOSE, TIGHT, Precision, Rounding
from attn_cli.core.masks import Mask, NoMask
from attn_cli.core.positions import NoPositions, Positions
from attn_cli.trace.trace import Array, Layer

CHAIN = ("scores", "scaled", "softcapped", "biased", "masked")
"""The stages of scores before softmax."""
FORMS = MappingProxyType({name: (name, f"{name}_normed", f"{name}_rotated") for name in "QKV"})
"""The forms that queries and keys go through; of values there is one."""


@dataclass(frozen=True, eq=False)
class NormFit:
    """A norm whose gain was read off what is stored: gain and offset of each (head, feature)."""

    kind: str
    over: str
    gain: Array
    offset: Array
    epsilon: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Dump:
    """One layer as its file holds it; nothing in it was computed, but for what `fits` read off stored stages.

    `hidden` (head or 1, query, key) is True where `attn_mask` hides, `bias` of the same shape what it adds. `stated`
    names the settings that the file or an option states. `unsure` names the steps (norm, rotate, bias, mask, sinks,
    output) that may have acted by numbers which the file does not hold. `averaged` (query, key) are weights that hold
    one matrix for several heads. `emptied` (head, query, key) is True where weights of hidden keys are NaN in the file,
    and 0 in `stored`.
    """

    layer: Layer
    stored: Mapping[str, Array]
    recipe: Recipe
    stated: frozenset[str] = frozenset()
    matrices: Mapping[str, Array] = field(default_factory=dict)
    hidden: Array | None = None
    bias: Array | None = None
    bias_words: str = "the bias"
    positions: tuple[Array, Array] = (np.zeros(0), np.zeros(0))
    scheme: Positions = NoPositions()
    table: Array | None = None
    precision: Mapping[str, Precision] = field(default_factory=dict)
    tight: Rounding = TIGHT["float64"]
    loose: Rounding = LOOSE["float64"]
    unsure: frozenset[str] = frozenset()
    norms: Mapping[str, NormFit] = field(default_factory=dict)
    averaged: Array | None = None
    emptied: Array | None = None
    width: int | None = None

    @property
    def heads(self) -> int:
        """The query heads that are there."""
        return len(self.layer.head_index)

    @property
    def queries(self) -> int:
        return len(self.layer.query_tokens)

    @property
    def keys(self) -> int:
        return len(self.layer.key_tokens)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Heads that are there, queries, keys."""
        return self.heads, self.queries, self.keys

    @property
    def cross(self) -> bool:
        return self.layer.kind == "cross"

    @property
    def whole(self) -> bool:
        """Whether all heads of the layer are there."""
        return self.heads == self.layer.heads

    @property
    def mask(self) -> Mask:
        """The rule of the declared mask."""
        return self.recipe.hides.rule

    @property
    def masked(self) -> bool:
        """Whether a mask is declared, as a word that hides or as an array."""
        return not isinstance(self.mask, NoMask) or self.hidden is not None

    @property
    def open_mask(self) -> bool:
        """Whether the file says nothing at all of a mask."""
        return not {"mask", "attn_mask"} & self.stated

    def absolute(self, stage: str) -> float:
        """How far a number of a stage may lie off, whatever its size."""
        own = self.precision.get(stage)
        return self.tight.absolute if own is None else own.absolute

    def latest(self, name: str) -> str | None:
        """The last form of Q, K or V that is stored."""
        return next((form for form in reversed(FORMS[name]) if form in self.stored), None)

    def head_width(self, name: str) -> int | None:
        """The width of a head of Q, K or V; None where nothing shows it."""
        form = self.latest(name)
        if form is not None:
            return int(self.stored[form].shape[-1])
        heads = self.layer.heads if name == "Q" else self.layer.kv_heads
        matrix = self.matrices.get(f"W_{name}")
        if matrix is not None:
            return int(matrix.shape[1] // heads)
        return self.width if name in "QK" else None
