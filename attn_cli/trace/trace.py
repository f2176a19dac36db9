"""Stage, Layer and Trace: the recorded arrays of attention, read-only."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from attn_cli.errors import SelectionError, SpecError
from attn_cli.trace.stages import STAGES, StageKind

Array = np.ndarray[Any, np.dtype[Any]]


def frozen(array: Array) -> Array:
    """The array, set read-only together with the array that owns its memory; only for arrays that no caller holds."""
    owner: Any = array
    while owner is not None:
        if isinstance(owner, np.ndarray):
            owner.flags.writeable = False
        owner = getattr(owner, "base", None)
    return array


def read_only(array: Array) -> Array:
    """A read-only view of a caller's array; the caller's array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view


def shape_words(shape: Sequence[int]) -> str:
    """A shape as people write it, `3×4`; axes after the eighth are cut."""
    return "×".join(map(str, shape if len(shape) < 9 else [*shape[:8], "…"]))


def aligned(tokens: Sequence[str], count: int, *, from_start: bool) -> tuple[str, ...]:
    """The `count` tokens that label rows or columns: the first ones `from_start`, otherwise the last ones.

    Raises SpecError if there are too few tokens.
    """
    if count > len(tokens):
        raise SpecError(f"{len(tokens)} tokens cannot label {count} rows", hint="give one token to each row")
    return tuple(tokens[:count] if from_start else tokens[len(tokens) - count :])


@dataclass(frozen=True, eq=False, repr=False)
class Stage:
    """One array between embeddings and output, with its formula.

    `array` is (row, column), or (head, row, column) if the stage has one matrix per head; it is read-only.
    """

    name: str
    array: Array
    formula: str = ""

    @property
    def kind(self) -> StageKind:
        """The axes and the meaning of the stage."""
        return STAGES[self.name]


@dataclass(frozen=True)
class Settings:
    """The settings of a layer, spelled as on the command line and in documents."""

    mask: str = "none"
    positions: str = "none"
    scale: float | str = "none"
    softcap: float | None = None
    dtype: str = "float64"


@dataclass(frozen=True, eq=False, repr=False)
class Layer:
    """The stages of one attention layer, in the order in which the arithmetic ran.

    `layer["weights"]` is the array of a stage, read-only: (head, query, key); Q is (head, query, feature), K and V are
    (key head, key, feature), X and output (query, feature). `hidden` (query, key) or (head, query, key) is True at
    masked cells, if no stage `masked` says so.

    `heads` and `kv_heads` count the heads of the layer; `head_index` and `kv_head_index` are the heads in its arrays.
    In self-attention the last query is at the last key, or with `from_start` the first query at the first key.
    `stated` names the settings that a file gives for the layer; None for a computed layer. `key_index` are the
    indices of the keys, where some were left out of a picture.
    """

    stages: tuple[Stage, ...]
    query_tokens: tuple[str, ...]
    key_tokens: tuple[str, ...]
    heads: int
    kv_heads: int
    head_index: tuple[int, ...]
    kv_head_index: tuple[int, ...]
    settings: Settings
    hidden: Array | None = field(default=None, kw_only=True)
    name: str = "layers.0"
    index: int = 0
    kind: str = "self"
    queries: str = "tokens"
    keys: str = "tokens"
    from_start: bool = False
    stated: frozenset[str] | None = None
    key_index: tuple[int, ...] | None = None

    @property
    def first_query(self) -> int | None:
        """The index of the key at the first query's position; None in cross-attention."""
        if self.kind == "cross":
            return None
        return 0 if self.from_start else len(self.key_tokens) - len(self.query_tokens)

    def labelled(self, tokens: Sequence[str], context: Sequence[str]) -> "Layer":
        """The same layer, labeled with the tokens of a trace and of its context."""
        from_start = self.from_start or self.kind == "cross"
        rows, columns = (tokens if side == "tokens" else context for side in (self.queries, self.keys))
        return replace(
            self,
            query_tokens=aligned(rows, len(self.query_tokens), from_start=from_start),
            key_tokens=aligned(columns, len(self.key_tokens), from_start=from_start),
        )

    def __getitem__(self, name: str) -> Array:
        """The array of a stage; SelectionError if the layer does not hold it."""
        for stage in self.stages:
            if stage.name == name:
                return stage.array
        names = ", ".join(stage.name for stage in self.stages)
        raise SelectionError(f"{self.name} has no stage {name!r}", hint=f"it has {names}")

    def __contains__(self, name: str) -> bool:
        return any(stage.name == name for stage in self.stages)

    def heads_of(self, stage: Stage) -> tuple[int | None, ...]:
        """The head number of each matrix of a stage; (None,) for a stage without heads."""
        if stage.kind.heads is None:
            return (None,)
        return self.head_index if stage.kind.heads == "query heads" else self.kv_head_index

    def matrices(self, stage: Stage) -> list[tuple[int | None, Array]]:
        """Each matrix (row, column) of a stage with its head; a stage without columns gets one column."""
        array = stage.array if stage.kind.columns else stage.array[..., np.newaxis]
        return list(zip(self.heads_of(stage), array if stage.kind.heads else array[np.newaxis], strict=True))

    def rows_of(self, stage: Stage) -> tuple[str, ...]:
        """The tokens that label a stage's rows."""
        return self.key_tokens if stage.kind.rows == "key" else self.query_tokens

    def columns_of(self, stage: Stage) -> tuple[str, ...] | None:
        """The tokens that label a stage's columns; None if columns are features."""
        return self.key_tokens if stage.kind.columns == "key" else None

    def key_head(self, head: int) -> int:
        """The key/value head that a query head uses: ⌊head · kv_heads / heads⌋, as in grouped-query attention."""
        return head * self.kv_heads // self.heads

    def select(self, heads: Collection[int] | None = None, stages: Collection[str] | None = None) -> "Layer":
        """The same layer with only these query heads (and the key heads they use) and only these stages.

        SelectionError for a head that the layer does not hold.
        """
        kept_stages = [stage for stage in self.stages if stages is None or stage.name in stages]
        hidden = self.hidden
        if "masked" in self and all(stage.name != "masked" for stage in kept_stages):
            hidden = frozen(np.isneginf(self["masked"]))
        if heads is None:
            return replace(self, stages=tuple(kept_stages), hidden=hidden)
        missing = [head for head in heads if head not in self.head_index]
        if missing:
            numbers = ", ".join(map(str, self.head_index))
            raise SelectionError(f"{self.name} has no head {missing[0]}", hint=f"its heads are {numbers}")
        chosen = {
            "query heads": tuple(head for head in self.head_index if head in set(heads)),
            "key heads": tuple(key for key in self.kv_head_index if key in {self.key_head(head) for head in heads}),
        }
        return replace(
            self,
            stages=tuple(self._with_heads(stage, chosen) for stage in kept_stages),
            hidden=hidden if hidden is None or hidden.ndim == 2 else hidden[self._places(chosen["query heads"])],
            head_index=chosen["query heads"],
            kv_head_index=chosen["key heads"],
        )

    def _places(self, heads: Sequence[int]) -> list[int]:
        """Where these query heads stand in the arrays."""
        return [self.head_index.index(head) for head in heads]

    def _with_heads(self, stage: Stage, chosen: Mapping[str, Sequence[int]]) -> Stage:
        """The stage with only the matrices of the chosen heads."""
        if stage.kind.heads is None:
            return stage
        held = self.heads_of(stage)
        return replace(stage, array=frozen(stage.array[[held.index(head) for head in chosen[stage.kind.heads]]]))


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """The stages of each chosen layer, and the source of the numbers.

    `trace["layers.0"]` and `trace[0]` are layers by name and index. `tokens` label queries and keys, `context_tokens`
    the keys of cross-attention. `source` describes where the numbers came from; `notes` are remarks for the reader.
    """

    tokens: tuple[str, ...]
    layers: tuple[Layer, ...]
    source: Mapping[str, Any]
    text: str | None = None
    token_ids: tuple[int, ...] | None = None
    context_tokens: tuple[str, ...] | None = None
    notes: tuple[str, ...] = field(default=())

    notebook_view: ClassVar[Callable[["Trace"], str] | None] = None
    """How a notebook shows a trace, as HTML; the public package sets it, since views come after traces."""

    def __getitem__(self, name: int | str) -> Layer:
        """The layer with this name or index; SelectionError if there is none."""
        for layer in self.layers:
            if name in (layer.name, layer.index):
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise SelectionError(f"there is no layer {name!r}", hint=f"there is {names}")

    def _repr_html_(self) -> str | None:
        """The HTML that a notebook shows; None, and so the plain repr, if no view is set."""
        view = type(self).notebook_view
        return None if view is None else view(self)
