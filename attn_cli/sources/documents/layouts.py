"""Reorder the axes of stages if the numbers of tokens and heads show that they are stored in another order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.sources.documents.catalogue import Document
from attn_cli.trace.files.checker import sizes_of
from attn_cli.trace.stages import CHAIN, FORMS, STAGES

Shape = tuple[int, ...]
Layouts = Mapping[str, tuple[int, int, int]]

# Stored axes, and the order that transposes them to attn's layout; attn's own layout comes first.
_VECTORS: Layouts = MappingProxyType({"(head, token, feature)": (0, 1, 2), "(token, head, feature)": (1, 0, 2)})
_KEY_VECTORS: Layouts = MappingProxyType({**_VECTORS, "(head, feature, token)": (0, 2, 1)})
_MATRICES: Layouts = MappingProxyType(
    {"(head, query, key)": (0, 1, 2), "(query, head, key)": (1, 0, 2), "(query, key, head)": (2, 0, 1)}
)
# Keys come first: fewer queries than tokens follow the layout of the keys. Each stage shows the number of
# heads to the next.

_LAYOUTS: Mapping[str, Layouts] = MappingProxyType(
    {
        **dict.fromkeys(FORMS["K"], _KEY_VECTORS),
        **dict.fromkeys((*FORMS["V"], *FORMS["Q"]), _VECTORS),
        **dict.fromkeys(CHAIN, _MATRICES),
        "head_output": _VECTORS,
    }
)
_OWN, _BY_TOKEN = _VECTORS


@dataclass(frozen=True)
class Counts:
    """The numbers of tokens, context tokens and heads of a document; None if unknown."""

    tokens: int | None = None
    context: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    cross: bool = False

    @property
    def keys(self) -> int | None:
        """The number of keys."""
        return self.context if self.cross else self.tokens


def counts_of(document: Document, tokens: int | None, context: int | None) -> Counts:
    """The counts of a document, from its settings, or else from square matrices of several heads."""
    heads, kv_heads = (_count(document.get(key)) for key in ("heads", "kv_heads"))
    cross = context is not None or "X_context" in document
    for name in CHAIN:
        shape = _shape(document.get(name)) or (0, 0, 0)
        if shape[0] != shape[1] == shape[2]:
            heads, tokens = heads or shape[0], tokens or shape[1]
    return Counts(tokens, context, heads, kv_heads, cross=cross)


def laid_out(document: Document, counts: Counts) -> tuple[Document, tuple[str, ...]]:
    """The document with every stage in attn's layout, and notes on transposed axes.

    An array is unchanged if it fits, or if nothing shows which axes are heads and tokens.
    """
    values = dict(document)
    notes: list[str] = []
    exchanged: dict[tuple[str, str], list[str]] = {}
    by_token = False
    for name, layouts in _LAYOUTS.items():
        if name not in document or (shape := _shape(document[name])) is None:
            continue
        fitting = [layout for layout, order in layouts.items() if _fits([shape[axis] for axis in order], name, counts)]
        standard = next(iter(layouts))
        layout = fitting[0] if len(fitting) == 1 else standard
        if by_token and _BY_TOKEN in fitting:
            layout = _BY_TOKEN
        by_token = by_token or (name.startswith("K") and layout == _BY_TOKEN)
        unknown = (counts.keys, counts.heads, counts.kv_heads) == (None, None, None)
        if layout in fitting and not unknown:
            counts = _with_heads(counts, name, shape[layouts[layout][0]])
        if layout != standard:
            values[name] = _transposed(document[name], layouts[layout])
            exchanged.setdefault((layout, standard), []).append(name)
            continue
        values[name] = _without_batch(document[name])
        if name == "K" and unknown and shape[0] > shape[1]:
            words = f"K is read as {shape[0]} heads of {shape[1]} tokens"
            notes.append(f"{words}: give tokens or heads, and attn finds the order of the axes")
    for (layout, standard), names in exchanged.items():
        notes.append(f"stored as {layout} and read as {standard}: {', '.join(names)}")
    return values, tuple(notes)


def _with_heads(counts: Counts, name: str, heads: int) -> Counts:
    """The counts, with the number of heads from a stage if it was unknown."""
    if STAGES[name].heads == "key heads":
        return replace(counts, kv_heads=counts.kv_heads or heads)
    return replace(counts, heads=counts.heads or heads)


def _fits(shape: list[int], name: str, counts: Counts) -> bool:
    """Whether a shape (head, row, column) agrees with the known counts."""
    kind = STAGES[name]
    axes = (kind.heads, kind.rows, kind.columns)
    return all(_agrees(axis, size, counts) for axis, size in zip(axes, shape, strict=True))


def _agrees(axis: str | None, size: int, counts: Counts) -> bool:
    """Whether an axis can have this size."""
    if axis == "key":
        return counts.keys in (None, size)
    if axis == "query":
        return counts.tokens is None or (size == counts.tokens if counts.cross else size <= counts.tokens)
    if axis == "query heads":
        return counts.heads in (None, size) and (counts.kv_heads is None or size % counts.kv_heads == 0)
    if axis == "key heads":
        return counts.kv_heads in (None, size) and (counts.heads is None or counts.heads % size == 0)
    return True


def _shape(value: Any) -> Shape | None:
    """The sizes of three axes, without a batch axis of 1 among the first two; None for any other array."""
    sizes = sizes_of(value)
    if len(sizes) == 4 and 1 in sizes[:2]:
        sizes = sizes[1:] if sizes[0] == 1 else (sizes[0], *sizes[2:])
    return sizes if len(sizes) == 3 and 0 not in sizes else None


def _without_batch(value: Any) -> Any:
    """The value without a batch axis of 1 as its second axis; the reader drops one as the first axis."""
    sizes = sizes_of(value)
    if len(sizes) != 4 or sizes[0] == 1:
        return value
    return value[:, 0] if isinstance(value, np.ndarray) else [part[0] for part in value]


def _transposed(value: Any, order: tuple[int, int, int]) -> Any:
    """The value with its three axes transposed, lists as lists; the reader refuses ragged lists."""
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value, dtype=object)
    except ValueError:
        return value
    if array.ndim == 4:
        array = array[0] if array.shape[0] == 1 else array[:, 0]
    if array.ndim != 3:
        return value
    array = array.transpose(order)
    return array if isinstance(value, np.ndarray) else array.tolist()


def _count(value: Any) -> int | None:
    """A count, or None for another value, which the reader of settings refuses."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 2**31 else None
