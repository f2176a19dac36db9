"""Dump: what one layer stores, in float64, and what it declares of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.precision import Precision
from attn_cli.core.spec import Spec
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.trace.stages import CHAIN, STAGES, last_form
from attn_cli.trace.trace import Array, Layer


@dataclass(frozen=True, eq=False)
class Dump:
    """One layer as it is stored, each stage in float64, and beside it what was declared.

    `stored` names the stages to check, in the order of the arithmetic. `hidden` (head, query, key) is True where the
    declared masks hide, None where nothing is hidden; `array_hidden` is the part that arrays hide. `unseen` says that
    a step may have acted whose array is not there, `unplaced` that this is so for what turns or norms Q and K.
    """

    layer: Layer
    stages: Mapping[str, Array]
    stored: tuple[str, ...]
    precision: Mapping[str, Precision]
    spec: Spec
    hidden: Array | None = None
    array_hidden: Array | None = None
    bias: Array | None = None
    bias_words: str = ""
    sinks: Array | None = None
    unseen: bool = False
    unplaced: bool = False
    stated: frozenset[str] = frozenset()
    given: Parameters | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Heads that are there, queries, keys."""
        return len(self.layer.head_index), len(self.layer.query_tokens), len(self.layer.key_tokens)

    @property
    def relative(self) -> float:
        """The coarsest relative precision of what is stored."""
        return max(precision.relative for precision in self.precision.values())

    def absolute(self, stage: str) -> float:
        """How far a stored number may lie from what was computed, whatever its size."""
        own = self.precision.get(stage)
        return max(precision.absolute for precision in self.precision.values()) if own is None else own.absolute

    def chain(self) -> tuple[str, ...]:
        """The stored stages of scores before softmax, in their order."""
        return tuple(name for name in self.stored if name in CHAIN[:-1])

    def form(self, name: str) -> str | None:
        """The last form of Q or K: what is matched."""
        return last_form(name, self.stages)

    def per_head(self, form: str, places: list[int] | None = None) -> Array:
        """Keys or values (head, key, feature), one matrix for each query head that is there."""
        own = [self.layer.kv_head_index.index(self.layer.key_head(head)) for head in self.layer.head_index]
        return np.asarray(self.stages[form][own if places is None else places])

    def tiled(self) -> list[int] | None:
        """Where the key heads stand that query heads would use if they were tiled; None where that is no mistake."""
        groups = self.layer.kv_heads
        used = [head % groups for head in self.layer.head_index]
        right = [self.layer.key_head(head) for head in self.layer.head_index]
        if used == right or not set(used) <= set(self.layer.kv_head_index):
            return None
        return [self.layer.kv_head_index.index(head) for head in used]

    @property
    def factor(self) -> float | None:
        """What scores are to be multiplied with; None where that is not known."""
        form = self.form("Q") or self.form("K")
        width = self.spec.d_k if form is None else self.stages[form].shape[-1]
        if self.spec.scale == "sqrt" and width is None:
            return None
        return 1.0 if (factor := self.spec.factor(width)) is None else factor

    def advanced(self, before: str, stage: str) -> Array:
        """A stored stage with the declared steps done that come between it and `stage` and are not stored."""
        scores = self.stages[before]
        for step in CHAIN[CHAIN.index(before) + 1 : CHAIN.index(stage)]:
            if step == "scaled":
                scores = scores * (1.0 if self.factor is None else self.factor)
            elif step == "softcapped" and self.spec.softcap is not None:
                scores = np.where(np.isinf(scores), scores, self.spec.softcap * np.tanh(scores / self.spec.softcap))
            elif step == "biased" and self.bias is not None:
                scores = scores + self.bias
        return scores

    def mark(self, code: str, stage: str, place: int, cell: tuple[int, ...] = (), **rest: Any) -> Mark:
        """A mark on a head by its place in the stage's array, at a (row, column)."""
        layer, kind = self.layer, STAGES[stage]
        heads = {"query heads": layer.head_index, "key heads": layer.kv_head_index}.get(kind.heads or "", (None,))
        rows = layer.key_tokens if kind.rows == "key" else layer.query_tokens
        row = cell[0] if cell else None
        column = cell[1] if len(cell) > 1 else None
        return Mark(
            code=code,
            stage=stage,
            layer=layer.name,
            head=heads[place],
            row=row,
            column=column,
            row_token=None if row is None else rows[row],
            column_token=None if column is None or kind.columns != "key" else layer.key_tokens[column],
            **rest,
        )
