"""compare(): where two traces differ, stage by stage and head by head."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from attn_cli.analysis.aligning import aligned_places
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer, Stage, Trace

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Difference:
    """One stage of one layer in both: B − A (head or 1, row, column) over aligned tokens, and where it is largest.

    `rows` and `columns` pair the places of A and B, `columns` is None for features. A cell that is hidden, NaN or
    infinite in both is no difference; in one alone it is an infinite one.
    """

    layer: str
    stage: Stage
    values: Array
    rows: Pairs
    columns: Pairs | None
    heads: tuple[int | None, ...]
    largest: float
    place: tuple[int, int, int]
    a: float
    b: float


@dataclass(frozen=True)
class HeadDifference:
    """One head in both: the largest difference of its weights, and how far its rows lie apart.

    `js` is the Jensen–Shannon divergence of two rows in nats (0 to ln 2), the mean over aligned queries.
    """

    layer: str
    head: int
    largest: float
    js: float


@dataclass(frozen=True)
class Setting:
    """A setting that is not the same in both."""

    layer: str
    name: str
    a: object
    b: object


@dataclass(frozen=True, eq=False)
class Comparison:
    """All differences, in the order of the arithmetic; heads by divergence; what could not be compared, and why."""

    queries: Pairs
    keys: Pairs
    settings: tuple[Setting, ...]
    stages: tuple[Difference, ...]
    heads: tuple[HeadDifference, ...]
    left_out: tuple[str, ...]

    @property
    def largest(self) -> float:
        return max((difference.largest for difference in self.stages), default=0.0)

    def first(self, tolerance: float) -> Difference | None:
        """The first stage whose largest difference is above the tolerance: where the two part."""
        return next((difference for difference in self.stages if difference.largest > tolerance), None)


def compare(a: Trace, b: Trace) -> Comparison:
    """Every stage that both traces have, over aligned tokens; SelectionError where they have nothing in common.

    Layers and heads are paired by name; where none is in both, as when two heads are compared, in their order.
    """
    layers = list(_layers(a, b))
    stages: list[Difference] = []
    heads: list[HeadDifference] = []
    settings: list[Setting] = []
    left_out: list[str] = []
    queries: Pairs = []
    keys: Pairs = []
    for one, other in layers:
        queries = aligned_places(one.query_tokens, other.query_tokens)
        keys = aligned_places(one.key_tokens, other.key_tokens)
        settings += _settings(one, other)
        for stage in one.stages:
            if stage.name not in other:
                left_out.append(f"{one.name}.{stage.name} is in A alone")
                continue
            difference = _difference(one, other, stage, queries, keys)
            if isinstance(difference, str):
                left_out.append(f"{one.name}.{stage.name}: {difference}")
            else:
                stages.append(difference)
        left_out += [f"{one.name}.{stage.name} is in B alone" for stage in other.stages if stage.name not in one]
        heads += _heads(one, other, stages, queries, keys)
    if not stages:
        why = left_out[0].rpartition(": ")[2] if left_out else "no layer is in both"
        raise SelectionError(
            f"A and B have nothing to compare: {why}",
            hint="compare texts that share tokens, and runs that have the same stages",
        )
    ranked = sorted(heads, key=lambda head: (-np.nan_to_num(head.js, nan=np.inf), -head.largest))
    return Comparison(queries, keys, tuple(settings), tuple(stages), tuple(ranked), tuple(left_out))


def _layers(a: Trace, b: Trace) -> Iterator[tuple[Layer, Layer]]:
    """Layers of the same name; where none is, in their order."""
    names = {layer.name: layer for layer in b.layers}
    same = [(layer, names[layer.name]) for layer in a.layers if layer.name in names]
    yield from same or zip(a.layers, b.layers, strict=False)


def _settings(a: Layer, b: Layer) -> Iterator[Setting]:
    for name in ("heads", "kv_heads"):
        if getattr(a, name) != getattr(b, name):
            yield Setting(a.name, name, getattr(a, name), getattr(b, name))
    for field in fields(a.settings):
        one, other = getattr(a.settings, field.name), getattr(b.settings, field.name)
        if one != other:
            yield Setting(a.name, field.name, one, other)


def _difference(a: Layer, b: Layer, stage: Stage, queries: Pairs, keys: Pairs) -> Difference | str:
    """The difference, or why there is none."""
    kind = stage.kind
    rows = keys if kind.rows == "key" else queries
    columns = keys if kind.columns == "key" else None
    one = dict(a.matrices(stage))
    other = dict(b.matrices(next(same for same in b.stages if same.name == stage.name)))
    if len(one) == len(other) and not one.keys() & other.keys():
        other = dict(zip(one, other.values(), strict=True))
    heads = tuple(head for head in one if head in other)
    if not heads or not rows or columns == []:
        return "no head is in both" if not heads else "no token of A stands for one of B"
    left, right = (
        np.stack([_cut(matrices[head], rows, columns, side) for head in heads])
        for side, matrices in enumerate((one, other))
    )
    if left.shape != right.shape:
        return f"{left.shape[2]} features in A, {right.shape[2]} in B"
    with np.errstate(invalid="ignore"):
        values = right - left
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    values = np.where(same, 0.0, np.where(np.isnan(values), np.inf, values))
    place = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    head, row, column = (int(index) for index in place)
    return Difference(
        layer=a.name,
        stage=stage,
        values=values,
        rows=rows,
        columns=columns,
        heads=heads,
        largest=float(np.abs(values[head, row, column])),
        place=(head, row, column),
        a=float(left[head, row, column]),
        b=float(right[head, row, column]),
    )


def _cut(matrix: Array, rows: Pairs, columns: Pairs | None, side: int) -> Array:
    """The aligned rows and columns of A's matrix (side 0) or B's (side 1)."""
    cut: Array = matrix[[pair[side] for pair in rows]].astype(np.float64)
    return cut if columns is None else cut[:, [pair[side] for pair in columns]]


def _heads(a: Layer, b: Layer, stages: list[Difference], queries: Pairs, keys: Pairs) -> Iterator[HeadDifference]:
    found = next((one for one in stages if one.layer == a.name and one.stage.name == "weights"), None)
    if found is None:
        return
    names = a.head_index if not set(a.head_index) & set(b.head_index) else b.head_index
    weights = [dict(zip(own, layer["weights"], strict=True)) for own, layer in ((a.head_index, a), (names, b))]
    for values, head in zip(found.values, found.heads, strict=True):
        if head is not None:
            rows = [_cut(matrices[head], queries, None, side) for side, matrices in enumerate(weights)]
            yield HeadDifference(a.name, head, float(np.abs(values).max()), _divergence(rows[0], rows[1], keys))


def _divergence(a: Array, b: Array, keys: Pairs) -> float:
    """The mean Jensen–Shannon divergence of rows (query, key), in nats; keys without a partner count as their own."""
    shared_a, shared_b = [i for i, _ in keys], [j for _, j in keys]
    alone_a = np.delete(a, shared_a, axis=1)
    alone_b = np.delete(b, shared_b, axis=1)
    p = np.concatenate([a[:, shared_a], alone_a, np.zeros_like(alone_b)], axis=1)
    q = np.concatenate([b[:, shared_b], np.zeros_like(alone_a), alone_b], axis=1)
    middle = (p + q) / 2
    with np.errstate(all="ignore"):
        halves = [np.where(side > 0, side * np.log(side / middle), 0).sum(axis=1) for side in (p, q)]
    return float(((halves[0] + halves[1]) / 2).mean())
