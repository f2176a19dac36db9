"""The arrays of a document: stages to start from, projections, masks, sinks and positions."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.core.attention import Projections
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import BIASES, LATER, MATRICES, SETTINGS, Document
from attn_cli.sources.documents.mask_arrays import for_all_queries, read_mask
from attn_cli.trace.files.checker import quoted, sizes_of, to_array
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array, shape_words

_NULL = MappingProxyType({"masked": -np.inf, "weights": np.nan})
"""The number that null means, in stages that may hold null."""
MAY_BE_EMPTY = ("weights", "head_output", "output")
"""Stages in which the row of a query that sees no key may be NaN."""
_EXTRAS = {
    "sinks": (1,),
    "position_embeddings": (2,),
    "position_ids": (1,),
    "position_ids_context": (1,),
    "rotary_frequencies": (1,),
    **dict.fromkeys(("Q_norm", "K_norm", "Q_norm_bias", "K_norm_bias"), (1, 2)),
}
"""The numbers of axes of the arrays that act beside the projections."""


def read_stages(document: Document, name: str, *, nonfinite: bool = False) -> dict[str, Array]:
    """The stages of a document from Q on, with a head axis if the stage has one.

    `nonfinite` accepts NaN and infinities. Without it, only masked scores may hold −∞ and the stages in MAY_BE_EMPTY
    NaN, which the caller checks.
    """
    stages: dict[str, Array] = {}
    for stage in LATER:
        if stage not in document:
            continue
        kind = STAGES[stage]
        flat = 1 if kind.columns is None else 2
        dims = (flat, flat + 1) if kind.heads else (flat,)
        special = nonfinite or stage in (*_NULL, *MAY_BE_EMPTY)
        array = to_array(document[stage], f"{name}: {stage}", dims, special=special, null=_NULL.get(stage))
        if stage == "masked" and not nonfinite and (np.isnan(array) | np.isposinf(array)).any():
            raise DocumentError(f"{name}: masked: holds NaN or infinities", hint="null or −∞ hides a cell")
        stages[stage] = array[np.newaxis] if kind.heads and array.ndim == flat else array
    return stages


def cut_into_heads(document: Document) -> bool:
    """Whether a projection is stored head by head: heads × d_model × feature."""
    return any(key in document and len(sizes_of(document[key])) == 3 for key in ("W_Q", "W_K", "W_V"))


def head_counts(stages: Mapping[str, Array], document: Document) -> dict[str, int]:
    """The numbers of heads (`heads`) and key/value heads (`kv_heads`) of the arrays, as far as they show them."""
    counts: dict[str, int] = {}
    for stage, array in stages.items():
        kind = {"query heads": "heads", "key heads": "kv_heads"}.get(STAGES[stage].heads or "")
        if kind:
            counts.setdefault(kind, len(array))
    for key, kind in (("W_Q", "heads"), ("W_K", "kv_heads"), ("W_V", "kv_heads")):
        if key in document and len(sizes_of(document[key])) == 3:
            counts.setdefault(kind, len(document[key]))
    return counts


def read_projections(document: Document, name: str, spec: Spec) -> Projections:
    """The matrices for attend(): they multiply from the right, heads side by side."""
    linear = document.get("projections")
    if linear not in (None, "linear"):
        raise DocumentError(
            f"{name}: projections: expected 'linear', found {quoted(linear)}", hint=SETTINGS["projections"]
        )
    arrays: dict[str, Array] = {}
    for key in MATRICES:
        if key in document:
            matrix = to_array(document[key], f"{name}: {key}", (2, 3))
            if matrix.ndim == 3:
                _check_heads(matrix, spec, name, key)
                matrix = matrix if linear is None else matrix.swapaxes(1, 2)
                # W_O is (head, feature, d_out), the others (head, d_model, feature).
                sides = matrix if key == "W_O" else matrix.swapaxes(0, 1)
                matrix = sides.reshape(-1, matrix.shape[2]) if key == "W_O" else sides.reshape(matrix.shape[1], -1)
            elif linear:
                matrix = matrix.T
            arrays[key] = np.ascontiguousarray(matrix)
    for key in BIASES:
        if key in document:
            bias = to_array(document[key], f"{name}: {key}", (1,) if key == "b_O" else (1, 2))
            if bias.ndim == 2 and len(bias) > 1:
                _check_heads(bias, spec, name, key)
            arrays[key] = bias.reshape(-1)
    return Projections(**arrays)


def _check_heads(array: Array, spec: Spec, name: str, key: str) -> None:
    """Raise DocumentError if an array and the document have different numbers of heads."""
    heads = spec.heads if key in ("W_Q", "b_Q", "W_O") else spec.key_heads
    if len(array) != heads:
        raise DocumentError(
            f"{name}: {key}: expected {heads} heads, found {len(array)} ({shape_words(array.shape)})",
            hint="set heads (and kv_heads) to the numbers of heads in the matrices",
        )


def read_extras(document: Document, name: str, queries: int) -> tuple[Extras, tuple[str, ...]]:
    """Masks as arrays, sinks, positions and QK-norms, with notes on how the mask was read.

    A mask with one row holds for all `queries`.
    """
    arrays: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    if "attn_mask" in document:
        bias, hidden = read_mask(document["attn_mask"], f"{name}: attn_mask")
        if 1 in [mask.shape[-2] for mask in (bias, hidden) if mask is not None] and queries > 1:
            notes = ("attn_mask has one row, which holds for all queries",)
        arrays = {"bias": for_all_queries(bias, queries), "hidden": for_all_queries(hidden, queries)}
        if bias is not None and hidden is None and np.isin(bias, (0, 1)).all():
            notes += ("attn_mask holds the numbers 0 and 1, which are added to the scores and hide nothing",)
    for key, dims in _EXTRAS.items():
        if key in document:
            arrays[key] = array = to_array(document[key], f"{name}: {key}", dims)
            if key.startswith("position_ids"):
                if (array != np.floor(array)).any() or (array < 0).any() or (array > 2**53).any():
                    raise DocumentError(f"{name}: {key}: expected whole numbers from 0", hint="such as [0, 1, 2]")
                arrays[key] = array.astype(np.int64)
    return Extras(**arrays), notes
