"""What a recipe hides, as an array of truth values."""

from typing import Any

import numpy as np

from attn_cli.analysis.check.computing.recipe import Hides
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.masks import Mask, NoMask
from attn_cli.trace.trace import Array


def hidden(dump: Dump, hides: Hides, rows: tuple[int, ...] | None = None) -> Array:
    """Where keys are hidden, True (head or 1, query, key), of all queries or of some rows."""
    _, queries, keys = dump.shape
    picked = slice(None) if rows is None else list(rows)
    if hides.whole:
        return np.ones((1, queries, keys), dtype=bool)[:, picked]
    where = _by_rule(dump, hides, picked)[np.newaxis]
    array = _array(dump, hides.array)
    where = where if array is None else where | array[:, picked]
    if hides.pads:
        padding = np.zeros(keys, dtype=bool)
        padding[slice(None, hides.pads) if hides.pads > 0 else slice(hides.pads, None)] = True
        where = where | padding
    if hides.packed:
        where = where | _packed(dump, hides.packed)[picked]
    if hides.zeros:
        shown = dump.stored.get("masked", dump.stored.get("weights"))
        if shown is not None:
            where = where | (np.isneginf(shown) if "masked" in dump.stored else shown == 0)[:, picked]
    return where


def blind(dump: Dump) -> Array:
    """The queries that the declared masks leave no key, True (head or 1, query)."""
    return np.asarray(hidden(dump, dump.recipe.hides).all(axis=2))


def seen_by(
    mask: Mask, queries: int, keys: int, shift: int = 0, *, rows: Any = slice(None), corner: bool = False
) -> Array:
    """Truth values (query, key): what a mask shows when queries stand `shift` keys further on, or in the other corner.

    `corner` puts the first query on the first key where the mask has the last on the last, and the reverse.
    """
    from_start = mask.from_start != corner
    place = np.arange(queries)[rows][:, np.newaxis] + (0 if from_start else keys - queries) + shift
    seen = mask.sees(place, np.arange(keys))
    return np.ones((len(place), keys), dtype=bool) if seen is None else np.asarray(seen)


def _by_rule(dump: Dump, hides: Hides, rows: Any) -> Array:
    _, queries, keys = dump.shape
    if isinstance(hides.rule, NoMask):
        return np.asarray(np.zeros((queries, keys), dtype=bool)[rows])
    if hides.transposed and queries == keys:
        where = ~seen_by(hides.rule, queries, keys, hides.shift, corner=hides.corner).T[rows]
    else:
        where = ~seen_by(hides.rule, queries, keys, hides.shift, rows=rows, corner=hides.corner)
    return np.asarray(~where if hides.inverted else where)


def _array(dump: Dump, how: str) -> Array | None:
    given = dump.hidden
    if given is None or how == "none":
        return None
    if how == "inverted":
        return ~given
    if how == "transposed" and given.shape[1] == given.shape[2]:
        return given.swapaxes(1, 2)
    if how == "mirrored":
        return given[..., ::-1]
    if how in ("next", "previous"):
        step = 1 if how == "next" else -1
        moved = np.roll(given, step, axis=2)
        moved[..., 0 if step > 0 else -1] = given[..., 0 if step > 0 else -1]
        return moved
    return given


def _packed(dump: Dump, lengths: tuple[int, ...]) -> Array:
    """True where query and key belong to different texts of these lengths."""
    _, queries, keys = dump.shape
    text = np.repeat(np.arange(len(lengths)), lengths)[:keys]
    text = np.concatenate([text, np.full(keys - len(text), len(lengths))])
    return (
        np.asarray(text[keys - queries :, np.newaxis] != text) if queries <= keys else np.zeros((queries, keys), bool)
    )
