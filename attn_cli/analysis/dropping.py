"""Keys left out of a picture: which ones, how much attention they took, and what is left, renormalised."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.analysis.finding import place_of
from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer, Stage, Trace, frozen

NAMED = 6
GROUPS = ("first", "special")
"""Keys that --drop takes by what they are, beside tokens."""


@dataclass(frozen=True, eq=False)
class Dropped:
    """What a matrix (…, query, key) is without some keys: rows divided by what is left of them.

    `hidden` (…, query) is the share of each row that was left out, NaN for a row that held nothing; `empty` counts the
    rows that held nothing else.
    """

    matrix: Array
    places: tuple[int, ...]
    keys: tuple[str, ...]
    left_out: tuple[str, ...]
    hidden: Array
    empty: int


def without(matrix: Array, keys: Sequence[str], spelled: Sequence[str], special: Collection[str]) -> Dropped:
    """A matrix of no negative numbers without the keys that spellings name."""
    gone = sorted({place for one in spelled for place in places_named(one, keys, special)})
    kept = [place for place in range(len(keys)) if place not in gone]
    if not kept:
        raise SelectionError(f"--drop would leave none of the {len(keys)} keys", hint="drop fewer of them")
    whole = matrix.sum(axis=-1, dtype=np.float64)
    rest = matrix[..., kept].astype(np.float64)
    left = rest.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        hidden = np.where(whole > 0, matrix[..., gone].sum(axis=-1, dtype=np.float64) / whole, np.nan)
        rest = np.where(left[..., np.newaxis] == 0, 0.0, rest / left[..., np.newaxis])
    return Dropped(
        matrix=frozen(rest),
        places=tuple(gone),
        keys=tuple(keys[place] for place in kept),
        left_out=tuple(keys[place] for place in gone),
        hidden=hidden,
        empty=int(((left <= 0) & (whole > 0)).sum()),
    )


def places_named(spelled: str, keys: Sequence[str], special: Collection[str]) -> list[int]:
    """The places of `first`, of `special` tokens, or of a token wherever it stands (`the#2`, or an index, for one)."""
    if spelled == "first":
        return [0]
    if spelled == "special":
        places = [place for place, key in enumerate(keys) if is_special(key, special)]
        if not places:
            raise SelectionError("no key is a special token", hint="--drop first, or --drop TOKEN")
        return places
    same = [place for place, key in enumerate(keys) if key == spelled]
    return same or [place_of(spelled, keys, "key")]


def without_keys(trace: Trace, spelled: Sequence[str]) -> Trace:
    """The trace's weights alone, without some keys; its first note says how much they took."""
    special = special_tokens(trace)
    parts = [
        (layer, without(layer["weights"], layer.key_tokens, spelled, special))
        for layer in trace.layers
        if "weights" in layer
    ]
    layers = tuple(
        replace(layer, stages=(_stage(layer, dropped),), key_tokens=dropped.keys) for layer, dropped in parts
    )
    return replace(trace, layers=layers, notes=(*said([dropped for _, dropped in parts]), *trace.notes))


def nothing_dropped(trace: Trace) -> Trace:
    """The trace, saying that all of it is drawn."""
    return replace(trace, notes=("hidden mass: 0 %, no key is left out", *trace.notes))


def said(parts: Sequence[Dropped]) -> list[str]:
    """How much was hidden, as the mean over queries (and heads and layers), and what was done."""
    names = list(dict.fromkeys(f"{name} (key {at})" for one in parts for name, at in _named(one)))
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    heads = [mean for one in parts for mean in mean_over_queries(one.hidden)]
    over = "queries" if len(heads) == 1 else f"queries and heads ({share(min(heads))} to {share(max(heads))} by head)"
    mean = float(np.mean(heads)) if heads else 0.0
    sentences = [f"hidden mass: {share(mean)}, mean over {over}; left out: {listed}; each row is divided by its rest"]
    if empty := sum(one.empty for one in parts):
        rows = "1 row has" if empty == 1 else f"{empty} rows have"
        sentences.append(f"{rows} nothing else and stay{'s' * (empty == 1)} empty")
    return sentences


def mean_over_queries(hidden: Array) -> list[float]:
    """The mean hidden share of each head (head, query), or of one matrix (query); rows of nothing do not count."""
    rows = hidden[np.newaxis] if hidden.ndim == 1 else hidden
    return [float(row[~np.isnan(row)].mean()) for row in rows if not np.isnan(row).all()]


def share(part: float) -> str:
    """A share in per cent, with as many digits as can be read."""
    return f"{100 * part:.0f} %" if part >= 0.1 or part == 0 else f"{100 * part:.2g} %"


def _named(dropped: Dropped) -> list[tuple[str, int]]:
    return list(zip(dropped.left_out, dropped.places, strict=True))


def _stage(layer: Layer, dropped: Dropped) -> Stage:
    before = next(stage for stage in layer.stages if stage.name == "weights")
    return replace(
        before, array=dropped.matrix, formula=f"weights without {len(dropped.places)} of {len(layer.key_tokens)} keys"
    )
