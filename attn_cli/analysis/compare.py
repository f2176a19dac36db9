"""compare(): the differences between two traces, stage by stage and head by head."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from attn_cli.analysis.aligning import aligned_positions
from attn_cli.analysis.unpaired import refuse_average, unpaired_heads
from attn_cli.errors import SelectionError
from attn_cli.trace.trace import Array, Layer, Stage, Trace

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Difference:
    """One stage of one layer in both runs: B − A (head or 1, row, column) over aligned tokens.

    `rows` and `columns` pair positions of A and B; `columns` is None for features. `largest` is the largest absolute
    difference, at `index` (head, row, column), where the runs have `a` and `b`. A cell that is masked, NaN or infinite
    in both runs counts as equal; in one run alone, as an infinite difference.
    """

    layer: str
    stage: Stage
    values: Array
    rows: Pairs
    columns: Pairs | None
    heads: tuple[int | None, ...]
    largest: float
    index: tuple[int, int, int]
    a: float
    b: float


@dataclass(frozen=True)
class HeadDifference:
    """One head in both runs: the largest difference of its weights, and how far its rows diverge.

    `js` is the Jensen–Shannon divergence of two rows in nats (0 to ln 2), averaged over aligned queries.
    """

    layer: str
    head: int
    largest: float
    js: float


@dataclass(frozen=True)
class Setting:
    """A setting that differs between the two runs."""

    layer: str
    name: str
    a: object
    b: object


@dataclass(frozen=True, eq=False)
class Comparison:
    """All differences, in the order of the arithmetic; heads by divergence; and why some stages were not compared.

    `queries` and `keys` pair the tokens of the first layers that were compared, which are `layers`.
    """

    layers: tuple[Layer, Layer]
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
        """The first stage whose largest difference is above the tolerance, None if there is none."""
        return next((difference for difference in self.stages if difference.largest > tolerance), None)


def compare(a: Trace, b: Trace) -> Comparison:
    """The differences between two traces, stage by stage and head by head, over the tokens that they share.

    Layers and heads are paired by name; where no name is in both, as when two heads are compared, in their order. What
    has no partner is named in `left_out`. Differences are B − A, in the unit of each stage; `largest` is their maximum,
    and `first(tolerance)` the first stage that differs by more. Heads are ranked by the mean Jensen-Shannon divergence
    of their rows, in nats (0 to ln 2).

    Raises SelectionError where the traces have nothing in common, or one holds the average over the other's heads.
    """
    layers = list(_layers(a, b))
    stages: list[Difference] = []
    heads: list[HeadDifference] = []
    settings: list[Setting] = []
    left_out: list[str] = []
    first: tuple[tuple[Layer, Layer], Pairs, Pairs] | None = None
    for in_a, in_b in layers:
        queries = aligned_positions(in_a.query_tokens, in_b.query_tokens)
        keys = aligned_positions(in_a.key_tokens, in_b.key_tokens)
        first = first or ((in_a, in_b), queries, keys)
        refuse_average(in_a, in_b)
        left_out += unpaired_heads(in_a, in_b)
        settings += _settings(in_a, in_b)
        for stage in in_a.stages:
            if stage.name not in in_b:
                left_out.append(f"{in_a.name}.{stage.name} is in A alone")
                continue
            difference = _difference(in_a, in_b, stage, queries, keys)
            if isinstance(difference, str):
                left_out.append(f"{in_a.name}.{stage.name}: {difference}")
            else:
                stages.append(difference)
        left_out += [f"{in_a.name}.{stage.name} is in B alone" for stage in in_b.stages if stage.name not in in_a]
        heads += _heads(in_a, in_b, stages, queries, keys)
    if not stages or first is None:
        why = left_out[0].rpartition(": ")[2] if left_out else "they share no layer"
        raise SelectionError(
            f"A and B have nothing to compare: {why}",
            hint="compare texts that share tokens, and runs that have the same stages",
        )
    ranked = sorted(heads, key=lambda head: (-np.nan_to_num(head.js, nan=np.inf), -head.largest))
    return Comparison(*first, tuple(settings), tuple(stages), tuple(ranked), tuple(left_out))


def _layers(a: Trace, b: Trace) -> Iterator[tuple[Layer, Layer]]:
    """Layers paired by name, or in order if they share no name."""
    by_name = {layer.name: layer for layer in b.layers}
    same = [(layer, by_name[layer.name]) for layer in a.layers if layer.name in by_name]
    yield from same or zip(a.layers, b.layers, strict=False)


def _settings(a: Layer, b: Layer) -> Iterator[Setting]:
    for name in ("heads", "kv_heads"):
        if getattr(a, name) != getattr(b, name):
            yield Setting(a.name, name, getattr(a, name), getattr(b, name))
    for field in fields(a.settings):
        in_a, in_b = getattr(a.settings, field.name), getattr(b.settings, field.name)
        if in_a != in_b:
            yield Setting(a.name, field.name, in_a, in_b)


def _difference(a: Layer, b: Layer, stage: Stage, queries: Pairs, keys: Pairs) -> Difference | str:
    """The difference, or the reason why the stage cannot be compared."""
    kind = stage.kind
    rows = keys if kind.rows == "key" else queries
    columns = keys if kind.columns == "key" else None
    in_a = dict(a.matrices(stage))
    in_b = dict(b.matrices(next(same for same in b.stages if same.name == stage.name)))
    if len(in_a) == len(in_b) and not in_a.keys() & in_b.keys():
        in_b = dict(zip(in_a, in_b.values(), strict=True))
    heads = tuple(head for head in in_a if head in in_b)
    if not heads or not rows or columns == []:
        return "they share no head" if not heads else "no token of A is paired with one of B"
    left, right = (
        np.stack([_cut(matrices[head], rows, columns, run) for head in heads])
        for run, matrices in enumerate((in_a, in_b))
    )
    if left.shape != right.shape:
        return f"{left.shape[2]} features in A, {right.shape[2]} in B"
    with np.errstate(invalid="ignore"):
        values = right - left
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    values = np.where(same, 0.0, np.where(np.isnan(values), np.inf, values))
    head, row, column = map(int, np.unravel_index(np.argmax(np.abs(values)), values.shape))
    return Difference(
        layer=a.name,
        stage=stage,
        values=values,
        rows=rows,
        columns=columns,
        heads=heads,
        largest=float(np.abs(values[head, row, column])),
        index=(head, row, column),
        a=float(left[head, row, column]),
        b=float(right[head, row, column]),
    )


def _cut(matrix: Array, rows: Pairs, columns: Pairs | None, run: int) -> Array:
    """The aligned rows and columns of A's matrix (run 0) or B's (run 1)."""
    cut: Array = matrix[[pair[run] for pair in rows]].astype(np.float64)
    return cut if columns is None else cut[:, [pair[run] for pair in columns]]


def _heads(a: Layer, b: Layer, stages: list[Difference], queries: Pairs, keys: Pairs) -> Iterator[HeadDifference]:
    difference = next((stage for stage in stages if stage.layer == a.name and stage.stage.name == "weights"), None)
    if difference is None:
        return
    names_in_b = a.head_index if not set(a.head_index) & set(b.head_index) else b.head_index
    named = ((a.head_index, a), (names_in_b, b))
    weights = [dict(zip(names, layer["weights"], strict=True)) for names, layer in named]
    for values, head in zip(difference.values, difference.heads, strict=True):
        if head is not None:
            rows = [_cut(matrices[head], queries, None, run) for run, matrices in enumerate(weights)]
            yield HeadDifference(a.name, head, float(np.abs(values).max()), _divergence(rows[0], rows[1], keys))


def _divergence(a: Array, b: Array, keys: Pairs) -> float:
    """The mean Jensen–Shannon divergence of rows (query, key), in nats; the other run gives unpaired keys no weight."""
    shared_a, shared_b = [i for i, _ in keys], [j for _, j in keys]
    alone_a = np.delete(a, shared_a, axis=1)
    alone_b = np.delete(b, shared_b, axis=1)
    p = np.concatenate([a[:, shared_a], alone_a, np.zeros_like(alone_b)], axis=1)
    q = np.concatenate([b[:, shared_b], np.zeros_like(alone_a), alone_b], axis=1)
    middle = (p + q) / 2
    with np.errstate(all="ignore"):
        halves = [np.where(row > 0, row * np.log(row / middle), 0).sum(axis=1) for row in (p, q)]
    return float(((halves[0] + halves[1]) / 2).mean())
