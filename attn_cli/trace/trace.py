"""Stage, Layer and Trace: what attention did, as values nobody can change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from attn_cli.errors import SelectionError, SpecError
from attn_cli.trace.stages import STAGES, StageKind

Array = np.ndarray[Any, np.dtype[Any]]


def frozen(array: Array) -> Array:
    """Make an array that we own read-only, its base included."""
    owner: Any = array
    while owner is not None:
        if isinstance(owner, np.ndarray):
            owner.flags.writeable = False
        owner = getattr(owner, "base", None)
    return array


def read_only(array: Array) -> Array:
    """A view of a caller's array that cannot be written through; the caller's own stays as it was."""
    view = array.view()
    view.flags.writeable = False
    return view


def aligned(tokens: Sequence[str], count: int, *, from_start: bool) -> tuple[str, ...]:
    """The tokens that label `count` rows or columns: the first of them, or else the last.

    Queries and keys of self-attention end together, those under `causal:start` and in cross-attention start together.
    Raises SpecError where there are too few tokens.
    """
    if count > len(tokens):
        raise SpecError(f"{len(tokens)} tokens cannot label {count} rows", hint="give one token to each row")
    return tuple(tokens[:count] if from_start else tokens[len(tokens) - count :])


@dataclass(frozen=True, eq=False, repr=False)
class Stage:
    """One array on the way from embeddings to output, with the formula that made it.

    `array` is (row, column), or (head, row, column) where the stage has one matrix per head.
    """

    name: str
    array: Array
    formula: str = ""

    @property
    def kind(self) -> StageKind:
        return STAGES[self.name]


@dataclass(frozen=True)
class Settings:
    """How a layer computed, in the spellings that the command line and documents share."""

    mask: str = "none"
    positions: str = "none"
    scale: float | str = "none"
    softcap: float | None = None
    dtype: str = "float64"


@dataclass(frozen=True, eq=False, repr=False)
class Layer:
    """The stages of one attention layer, in the order in which the arithmetic ran.

    `heads` and `kv_heads` count the heads the layer has; `head_index` and `kv_head_index` name those its arrays hold.
    """

    stages: tuple[Stage, ...]
    query_tokens: tuple[str, ...]
    key_tokens: tuple[str, ...]
    heads: int
    kv_heads: int
    head_index: tuple[int, ...]
    kv_head_index: tuple[int, ...]
    settings: Settings
    name: str = "layers.0"
    index: int = 0
    kind: str = "self"
    queries: str = "tokens"
    keys: str = "tokens"

    def __getitem__(self, name: str) -> Array:
        for stage in self.stages:
            if stage.name == name:
                return stage.array
        known = ", ".join(stage.name for stage in self.stages)
        raise SelectionError(f"{self.name} has no stage {name!r}", hint=f"it has {known}")

    def __contains__(self, name: str) -> bool:
        return any(stage.name == name for stage in self.stages)

    def heads_of(self, stage: Stage) -> tuple[int | None, ...]:
        """The head that each matrix of a stage belongs to; (None,) for a stage without heads."""
        if stage.kind.heads is None:
            return (None,)
        return self.head_index if stage.kind.heads == "query heads" else self.kv_head_index

    def matrices(self, stage: Stage) -> list[tuple[int | None, Array]]:
        """Each matrix of a stage with its head; a stage without columns counts as one column."""
        array = stage.array if stage.kind.columns else stage.array[..., np.newaxis]
        return list(zip(self.heads_of(stage), array if stage.kind.heads else array[np.newaxis], strict=True))

    def rows_of(self, stage: Stage) -> tuple[str, ...]:
        """The tokens that label a stage's rows."""
        return self.key_tokens if stage.kind.rows == "key" else self.query_tokens

    def columns_of(self, stage: Stage) -> tuple[str, ...] | None:
        """The tokens that label a stage's columns, None where columns are features."""
        return self.key_tokens if stage.kind.columns == "key" else None

    def key_head(self, head: int) -> int:
        """The key/value head that a query head looks through."""
        return head * self.kv_heads // self.heads

    def select(self, heads: Collection[int] | None = None, stages: Collection[str] | None = None) -> "Layer":
        """The same layer with only some query heads (and the key heads they use) and only some stages."""
        kept = [stage for stage in self.stages if stages is None or stage.name in stages]
        if heads is None:
            return replace(self, stages=tuple(kept))
        missing = [head for head in heads if head not in self.head_index]
        if missing:
            there = ", ".join(map(str, self.head_index))
            raise SelectionError(f"{self.name} has no head {missing[0]}", hint=f"its heads are {there}")
        chosen = {
            "query heads": tuple(head for head in self.head_index if head in set(heads)),
            "key heads": tuple(i for i in self.kv_head_index if i in {self.key_head(head) for head in heads}),
        }
        return replace(
            self,
            stages=tuple(self._cut(stage, chosen) for stage in kept),
            head_index=chosen["query heads"],
            kv_head_index=chosen["key heads"],
        )

    def _cut(self, stage: Stage, chosen: Mapping[str, Sequence[int]]) -> Stage:
        if stage.kind.heads is None:
            return stage
        there = self.heads_of(stage)
        places = [there.index(head) for head in chosen[stage.kind.heads]]
        return replace(stage, array=frozen(stage.array[places]))


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Every stage of every chosen layer, with where it came from."""

    tokens: tuple[str, ...]
    layers: tuple[Layer, ...]
    source: Mapping[str, Any]
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    context_tokens: tuple[str, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, place: int | str) -> Layer:
        for layer in self.layers:
            if place in (layer.name, layer.index):
                return layer
        there = ", ".join(layer.name for layer in self.layers)
        raise SelectionError(f"there is no layer {place!r}", hint=f"there is {there}")

    def _repr_html_(self) -> str:
        from attn_cli.views.notebook import html

        return html(self)
