"""Dropping keys from a picture: which keys, how much attention they held, and the other keys rescaled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.analysis.finding import position_of
from attn_cli.analysis.heads.special import is_special, special_tokens
from attn_cli.analysis.masked import masked_cells
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer, Stage, Trace, frozen

NAMED = 6
GROUPS = ("first", "special", "none")
"""Keys that --drop takes by what they are, beside tokens."""
RESTING = 0.5
"""The share of attention from which the first key and special tokens hide the rest of an atlas."""


@dataclass(frozen=True, eq=False)
class Dropped:
    """A matrix (…, query, key) without some keys, each row divided by its sum over the keys that remain.

    `positions` are the dropped keys' positions, `left_out` their tokens, `keys` the tokens that remain. `hidden`
    (…, query) is the dropped share of each row, NaN for a row of zeros; `empty` counts the rows that lost everything.
    """

    matrix: Array
    positions: tuple[int, ...]
    keys: tuple[str, ...]
    left_out: tuple[str, ...]
    hidden: Array
    empty: int


def without(matrix: Array, keys: Sequence[str], spelled: Sequence[str], special: Collection[str]) -> Dropped:
    """Drop the keys that `spelled` names from a matrix without negative numbers; SelectionError if none remains."""
    gone = sorted({position for spelling in spelled for position in positions_named(spelling, keys, special)})
    kept = [position for position in range(len(keys)) if position not in gone]
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
        positions=tuple(gone),
        keys=tuple(keys[position] for position in kept),
        left_out=tuple(keys[position] for position in gone),
        hidden=hidden,
        empty=int(((left <= 0) & (whole > 0)).sum()),
    )


def positions_named(spelled: str, keys: Sequence[str], special: Collection[str]) -> list[int]:
    """The positions of `first`, of `special` tokens, of every occurrence of a token, or of `the#2` or an index."""
    if spelled == "first":
        return [0]
    if spelled == "special":
        positions = [position for position, key in enumerate(keys) if is_special(key, special)]
        if not positions:
            raise SelectionError("no key is a special token", hint="--drop first, or --drop TOKEN")
        return positions
    same = [position for position, key in enumerate(keys) if key == spelled]
    return same or [position_of(spelled, keys, "key")]


def without_keys(trace: Trace, spelled: Sequence[str]) -> Trace:
    """The trace's weights alone, for pictures: without some keys, −∞ at masked cells.

    Its first note says how much attention the dropped keys held.
    """
    special = special_tokens(trace)
    parts = [
        (layer, without(layer["weights"], layer.key_tokens, spelled, special))
        for layer in trace.layers
        if "weights" in layer
    ]
    layers = tuple(
        replace(layer, stages=(_stage(layer, dropped),), key_tokens=dropped.keys, key_index=_kept(layer, dropped))
        for layer, dropped in parts
    )
    return replace(trace, layers=layers, notes=(*dropped_notes([dropped for _, dropped in parts]), *trace.notes))


def resting(trace: Trace) -> tuple[str, ...]:
    """The first key and the special tokens, as --drop spells them, if they hold over half of the attention.

    Only the second half of the queries counts: under a causal mask the first queries see few other keys. None where
    layers have different keys, or where fewer than two others would remain.
    """
    layers = [layer for layer in trace.layers if "weights" in layer]
    keys = {layer.key_tokens for layer in layers}
    if len(keys) != 1:
        return ()
    tokens, special = keys.pop(), special_tokens(trace)
    spelled = ("first", "special") if any(is_special(token, special) for token in tokens) else ("first",)
    positions = sorted({position for name in spelled for position in positions_named(name, tokens, special)})
    if len(tokens) - len(positions) < 2:
        return ()
    late = [layer["weights"][:, len(layer.query_tokens) // 2 :, positions] for layer in layers]
    held = np.mean([np.nanmean(weights.sum(axis=-1, dtype=np.float64)) for weights in late])
    return spelled if held > RESTING else ()


def dropped_notes(parts: Sequence[Dropped]) -> list[str]:
    """Sentences: which keys were left out and how much attention they held, averaged over queries, heads and layers."""
    names = list(dict.fromkeys(f"{name} (key {at})" for dropped in parts for name, at in _named(dropped)))
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    heads = [mean for dropped in parts for mean in mean_over_queries(dropped.hidden)]
    ends = percent(min(heads, default=0.0)), percent(max(heads, default=0.0))
    low = ends[0].removesuffix("%")
    by_head = f" ({ends[0] if ends[0] == ends[1] else f'{low}–{ends[1]}'} by head)" if len(heads) > 1 else ""
    mean = percent(float(np.mean(heads)) if heads else 0.0)
    it = "it" if len(names) == 1 else "they"
    sentences = [f"{listed} left out: {it} held {mean} of the attention{by_head}. Rows rescaled to 100%."]
    if empty := sum(dropped.empty for dropped in parts):
        rows = "1 row has no other key" if empty == 1 else f"{empty} rows have no other key"
        sentences.append(f"{rows} and stay{'s' * (empty == 1)} empty.")
    return sentences


def mean_over_queries(hidden: Array) -> list[float]:
    """The mean dropped share of each head (head, query), or of one matrix (query); rows of zeros do not count."""
    rows = hidden[np.newaxis] if hidden.ndim == 1 else hidden
    return [float(row[~np.isnan(row)].mean()) for row in rows if not np.isnan(row).all()]


def percent(share: float) -> str:
    """A share in per cent: 41%, and below ten per cent two digits: 0.35%."""
    return f"{100 * share:.0f}%" if share >= 0.1 or share == 0 else f"{100 * share:.2g}%"


def _named(dropped: Dropped) -> list[tuple[str, int]]:
    return list(zip(dropped.left_out, dropped.positions, strict=True))


def _kept(layer: Layer, dropped: Dropped) -> tuple[int, ...]:
    """The positions of the keys that remain."""
    return tuple(position for position in range(len(layer.key_tokens)) if position not in dropped.positions)


def _stage(layer: Layer, dropped: Dropped) -> Stage:
    weights = next(stage for stage in layer.stages if stage.name == "weights")
    formula = f"weights without {len(dropped.positions)} of {len(layer.key_tokens)} keys"
    hidden = masked_cells(layer)
    if hidden is None:
        return replace(weights, array=dropped.matrix, formula=formula)
    masked = hidden[:, :, list(_kept(layer, dropped))] & (dropped.matrix == 0)
    return replace(weights, array=frozen(np.where(masked, -np.inf, dropped.matrix)), formula=formula)
