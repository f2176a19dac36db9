"""The arrays of a document: stages to start from, projections, and what else acts on attention."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from attn_cli.core.attention import Projections
from attn_cli.core.spec import Extras, Spec
from attn_cli.errors import DocumentError
from attn_cli.sources.documents.catalogue import BIASES, LATER, MATRICES, SETTINGS, Document
from attn_cli.trace.files.checker import quoted, shape_words, to_array
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

_EXTRAS = {
    "sinks": (1,),
    "position_embeddings": (2,),
    "position_ids": (1,),
    "position_ids_context": (1,),
    "rotary_frequencies": (1,),
    **dict.fromkeys(("Q_norm", "K_norm", "Q_norm_bias", "K_norm_bias"), (1, 2)),
}
"""How many axes each array has that acts beside the projections."""
_WORDS = {True: 0.0, False: -np.inf, None: -np.inf, "-Infinity": -np.inf}


def read_stages(document: Document, name: str, *, allow_nonfinite: bool = False) -> dict[str, Array]:
    """The stages from Q on that a document holds, with a head axis where they have one.

    With `allow_nonfinite`, NaN and infinities pass.
    """
    stages: dict[str, Array] = {}
    for stage in LATER:
        if stage not in document:
            continue
        kind = STAGES[stage]
        flat = 1 if kind.columns is None else 2
        dims = (flat, flat + 1) if kind.heads else (flat,)
        array = to_array(document[stage], f"{name}: {stage}", dims, special=allow_nonfinite or stage == "masked")
        if stage == "masked" and not allow_nonfinite and (np.isnan(array) | np.isposinf(array)).any():
            raise DocumentError(f"{name}: masked: holds NaN or infinities", hint="null or −∞ hides a cell")
        stages[stage] = array[np.newaxis] if kind.heads and array.ndim == flat else array
    return stages


def cut_into_heads(document: Document) -> bool:
    """Whether a projection is heads × d_model × feature."""
    return any(key in document and _depth(document[key]) == 3 for key in ("W_Q", "W_K", "W_V"))


def head_counts(stages: Mapping[str, Array], document: Document) -> dict[str, int]:
    """How many heads, and key/value heads, the arrays show; empty where they show none."""
    counts: dict[str, int] = {}
    for stage, array in stages.items():
        kind = {"query heads": "heads", "key heads": "kv_heads"}.get(STAGES[stage].heads or "")
        if kind:
            counts.setdefault(kind, len(array))
    for key, kind in (("W_Q", "heads"), ("W_K", "kv_heads"), ("W_V", "kv_heads")):
        if key in document and _depth(document[key]) == 3:
            counts.setdefault(kind, len(document[key]))
    return counts


def read_projections(document: Document, name: str, spec: Spec) -> Projections:
    """The matrices as attend() takes them: from the right, heads side by side."""
    linear = document.get("projections")
    if linear not in (None, "linear"):
        raise DocumentError(
            f"{name}: projections: expected 'linear', found {quoted(linear)}", hint=SETTINGS["projections"]
        )
    matrices: dict[str, Array] = {}
    for key in MATRICES:
        if key in document:
            matrix = to_array(document[key], f"{name}: {key}", (2, 3) if key != "W_O" else (2,))
            heads = spec.heads if key == "W_Q" else spec.key_heads
            if matrix.ndim == 3:
                if len(matrix) != heads:
                    raise DocumentError(
                        f"{name}: {key}: expected {heads} heads, found {len(matrix)} ({shape_words(matrix)})",
                        hint="set heads (and kv_heads) to what the matrices hold",
                    )
                matrix = matrix if linear is None else matrix.swapaxes(1, 2)  # (head, d_model, feature)
                matrix = matrix.swapaxes(0, 1).reshape(matrix.shape[1], -1)
            elif linear:
                matrix = matrix.T
            matrices[key] = np.ascontiguousarray(matrix)
    for key in BIASES:
        if key in document:
            matrices[key] = to_array(document[key], f"{name}: {key}", (1,))
    return Projections(**matrices)


def read_extras(document: Document, name: str) -> Extras:
    """Masks as arrays, sinks, and what says where tokens stand."""
    bias, hidden = read_mask(document["attn_mask"], f"{name}: attn_mask") if "attn_mask" in document else (None, None)
    given: dict[str, Any] = {"bias": bias, "hidden": hidden}
    for key, dims in _EXTRAS.items():
        if key in document:
            given[key] = array = to_array(document[key], f"{name}: {key}", dims)
            if key.startswith("position_ids"):
                if (array != np.floor(array)).any() or (array < 0).any() or (array > 2**53).any():
                    raise DocumentError(f"{name}: {key}: expected whole numbers from 0", hint="such as [0, 1, 2]")
                given[key] = array.astype(np.int64)
    return Extras(**given)


def read_mask(value: Any, where: str) -> tuple[Array | None, Array | None]:
    """What a mask adds to scores, and where it hides (True), each (query, key) or (head, query, key); None if nothing.

    true, or a number to add, where a query may look; false, null or −∞ where it may not.
    """
    if not isinstance(value, list | np.ndarray):
        hint = "a spelling such as causal belongs under mask, an array here"
        raise DocumentError(f"{where}: expected a list, found {quoted(value)}", hint=hint)
    cells = value if isinstance(value, np.ndarray) else _cells(value, where)
    while cells.ndim > 2 and len(cells) == 1:
        cells = cells[0]
    if cells.ndim not in (2, 3) or not cells.size:
        raise DocumentError(
            f"{where}: expected queries × keys, or heads × queries × keys, found {_counted(cells)}",
            hint="give each query a row, and each key a cell in it",
        )
    if cells.dtype.kind == "b":
        return None, ~cells
    if cells.dtype.kind == "O":
        kinds = {type(cell) for cell in cells.flat}
        if kinds <= {bool, type(None)}:
            return None, ~cells.astype(bool)
        if kinds == {int} and set(cells.flat) <= {0, 1}:
            raise _ambiguous(where)
        numbers = [_WORDS[cell] if isinstance(cell, bool | str | None) else cell for cell in cells.flat]
        cells = np.array(numbers, dtype=np.float64).reshape(cells.shape)
    elif cells.dtype.kind in "iu" and set(np.unique(cells).tolist()) <= {0, 1}:
        raise _ambiguous(where)
    elif cells.dtype.kind not in "iuf":
        raise DocumentError(f"{where}: holds {cells.dtype}", hint="expected true/false, or numbers to add")
    added = cells.astype(np.float64)
    if (np.isnan(added) | np.isposinf(added)).any():
        raise DocumentError(f"{where}: holds NaN or +∞", hint="−∞ hides, a number is added to the score")
    hidden = np.isneginf(added)
    bias = np.where(hidden, 0, added)
    return bias if bias.any() else None, hidden if hidden.any() else None


def _cells(value: Any, where: str) -> Array:
    """A nested list as an array of objects, each a truth value, a number or null."""
    depth, row = 0, value
    while isinstance(row, list) and row:
        depth, row = depth + 1, row[0]
    cells = np.empty(0, dtype=object)
    if depth:
        shape, inner = [], value
        for _ in range(depth):
            shape.append(len(inner))
            inner = inner[0]
        flat = [value]
        for level, size in enumerate(shape):
            for place, part in enumerate(flat):
                if not isinstance(part, list) or len(part) != size:
                    there = len(part) if isinstance(part, list) else quoted(part)
                    raise DocumentError(
                        f"{where}{_at(place, shape[:level])}: expected {size} cells, found {there}",
                        hint="make all rows equally long",
                    )
            flat = [cell for part in flat for cell in part]
        for place, cell in enumerate(flat):
            whole = isinstance(cell, int) and abs(cell) < 1e308  # a longer one is no float
            if not (cell is None or whole or isinstance(cell, float) or cell == "-Infinity"):
                raise DocumentError(
                    f"{where}{_at(place, shape)}: expected true, false, null or a number, found {quoted(cell)}",
                    hint="true, or a number to add, where a query may look; false or null where not",
                )
        cells = np.empty(len(flat), dtype=object)
        cells[:] = flat
        cells = cells.reshape(shape)
    return cells


def _at(place: int, shape: list[int]) -> str:
    """The indices of a place among all cells of a shape: `[1][0]`."""
    return "".join(f"[{index}]" for index in np.unravel_index(place, shape)) if shape else ""


def _counted(cells: Array) -> str:
    return f"a list of {cells.size}" if cells.ndim == 1 else f"an array {shape_words(cells)}"


def _ambiguous(where: str) -> DocumentError:
    return DocumentError(
        f"{where}: holds only the integers 0 and 1, which could hide or be added", hint="use true/false, or 0/null"
    )


def _depth(value: Any) -> int:
    """How deep a list is nested, or how many axes an array has."""
    if isinstance(value, np.ndarray):
        return value.ndim
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth
