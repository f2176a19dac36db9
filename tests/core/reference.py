"""Attention in plain loops over heads, queries, keys and features: slow, and easy to check against the papers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from attn_cli.trace.trace import Array

Vector = list[float]
Matrix = list[Vector]
Rows = Sequence[Sequence[float]] | Array


@dataclass(frozen=True)
class Run:
    """Everything that one run of attention takes, variants as they are spelled.

    `X` is what positions are still to be added to; `context` stands in its place for keys and values.
    """

    X: Array
    W_Q: Array
    W_K: Array
    W_V: Array
    heads: int
    kv_heads: int
    context: Array | None = None
    W_O: Array | None = None
    b: dict[str, Array] = field(default_factory=dict)
    mask: str = "none"
    positions: str = "none"
    scale: float | None = None
    softcap: float | None = None
    bias: Array | None = None
    hidden: Array | None = None
    sinks: Array | None = None
    position_embeddings: Array | None = None
    ids: Sequence[int] | None = None
    ids_context: Sequence[int] | None = None
    clip: float | None = None
    qk_norm: str | None = None
    norms: dict[str, Array] = field(default_factory=dict)
    grows: tuple[float, float, int] | None = None
    frequencies: Sequence[float] | None = None


def stages(run: Run) -> dict[str, Array]:
    """Every stage as an array, those that the run does not take included, as they would be without an effect."""
    ids = range(len(run.X)) if run.ids is None else run.ids
    x = placed(run.X, run, ids)
    context, ids_context = x, ids
    if run.context is not None:
        ids_context = range(len(run.context)) if run.ids_context is None else run.ids_context
        context = placed(run.context, run, ids_context)
    q = split(clipped(times(x, run.W_Q, run.b.get("Q")), run.clip), run.heads)
    k = split(clipped(times(context, run.W_K, run.b.get("K")), run.clip), run.kv_heads)
    v = split(clipped(times(context, run.W_V, run.b.get("V")), run.clip), run.kv_heads)
    late = run.qk_norm is not None and "after=rotation" in run.qk_norm
    normed_q, normed_k = (q, k) if late else (normed(q, run, "Q"), normed(k, run, "K"))
    turned_q = [turned(head, run, ids) for head in normed_q]
    turned_k = [turned(head, run, ids_context) for head in normed_k]
    if late:
        normed_q, normed_k = normed(turned_q, run, "Q"), normed(turned_k, run, "K")
    last_q, last_k = (normed_q, normed_k) if late else (turned_q, turned_k)
    last_q = [grown(head, run.grows, ids) for head in last_q]
    made: dict[str, list[object]] = {name: [] for name in _BY_HEAD}
    for head in range(run.heads):
        shared = head * run.kv_heads // run.heads
        one = one_head(run, head, last_q[head], last_k[shared], v[shared], ids, ids_context)
        for name, matrix in one.items():
            made[name].append(matrix)
    side_by_side = [[number for head in made["head_output"] for number in head[i]] for i in range(len(x))]  # type: ignore[index]
    output = side_by_side if run.W_O is None else times(side_by_side, run.W_O, run.b.get("O"))
    whole = {"X": x, "Q": q, "K": k, "V": v, "output": output, "Q_normed": normed_q, "K_normed": normed_k} | made
    whole |= {"Q_rotated": turned_q, "K_rotated": turned_k}
    rotates = run.positions.startswith("rope")
    whole["Q_normed" if late else "Q_rotated" if rotates else "Q_normed" if run.qk_norm else "Q"] = last_q
    return {name: np.array(value) for name, value in whole.items()}


_BY_HEAD = ("scores", "scaled", "softcapped", "biased", "masked", "weights", "sink_weight", "head_output")


def one_head(
    run: Run, head: int, q: Matrix, k: Matrix, v: Matrix, ids: Sequence[int], ids_context: Sequence[int]
) -> dict[str, list[Vector] | Vector]:
    made: dict[str, list[object]] = {name: [] for name in _BY_HEAD}
    factor = 1 / math.sqrt(len(q[0])) if run.scale is None else run.scale
    for i, query in enumerate(q):
        rows: dict[str, Vector] = {name: [] for name in _BY_HEAD[:5]}
        for j, key in enumerate(k):
            score = sum(a * b for a, b in zip(query, key, strict=True))
            scaled = score * factor
            capped = scaled if run.softcap is None else run.softcap * math.tanh(scaled / run.softcap)
            biased = capped + cell(run.bias, head, i, j)
            if run.positions == "alibi":
                biased -= slopes(run.heads)[head] * abs(ids[i] - ids_context[j])
            seen = sees(run.mask, i, j, len(q), len(k)) and not cell(run.hidden, head, i, j)
            for name, number in zip(rows, (score, scaled, capped, biased, biased if seen else -math.inf), strict=True):
                rows[name].append(number)
        weights, sunk = softmax(rows["masked"], None if run.sinks is None else float(run.sinks[head]))
        blend = [sum(w * row[feature] for w, row in zip(weights, v, strict=True)) for feature in range(len(v[0]))]
        for name, row in (rows | {"weights": weights, "head_output": blend}).items():
            made[name].append(row)
        made["sink_weight"].append(sunk)
    return made  # type: ignore[return-value]


def softmax(row: Vector, sink: float | None) -> tuple[Vector, float]:
    powers = [math.exp(number) for number in row]
    sunk = 0.0 if sink is None else math.exp(sink)
    total = sum(powers) + sunk
    return ([power / total for power in powers], sunk / total) if total else (powers, 0.0)


def sees(mask: str, i: int, j: int, queries: int, keys: int) -> bool:
    """Whether query i may look at key j; the last query stands on the last key, unless both start together."""
    name, _, number = mask.partition(":")
    at = i if mask == "causal:start" else i + keys - queries
    if name in ("sliding", "local"):
        behind = at - j
        return (0 if name == "sliding" else -int(number) + 1) <= behind < int(number)
    if name == "chunked" and at // int(number) != j // int(number):
        return False
    return name == "none" or j <= at or (name == "prefix" and j < int(number))


def slopes(heads: int) -> Vector:
    """As the paper's own code has them: a geometric series, or that and every other one of the next."""
    exponent = math.log2(heads)
    if exponent.is_integer():
        start = 2 ** (-(2 ** -(exponent - 3)))
        return [start * start**i for i in range(heads)]
    power: int = 2 ** math.floor(exponent)
    return slopes(power) + slopes(2 * power)[0::2][: heads - power]


def clipped(x: Matrix, limit: float | None) -> Matrix:
    return x if limit is None else [[min(max(number, -limit), limit) for number in row] for row in x]


def grown(x: Matrix, grows: tuple[float, float, int] | None, ids: Sequence[int]) -> Matrix:
    """Queries times a factor that grows by steps of their position."""
    slope, step, ahead = grows or (0.0, 1.0, 0)
    factors = [1 + slope * math.log(1 + math.floor((place + ahead) / step)) for place in ids]
    return [[factor * number for number in row] for factor, row in zip(factors, x, strict=True)]


def normed(x: list[Matrix], run: Run, name: str) -> list[Matrix]:
    """Heads (head, token, feature), each vector centered where the norm is of a layer, divided, weighted and moved."""
    if run.qk_norm is None:
        return x
    kind, _, rest = run.qk_norm.partition(":")
    words = dict(word.split("=") for word in rest.split(",")[1:])
    eps, together = float(rest.split(",")[0]), words.get("over") == "all"
    weights, biases = run.norms.get(f"{name}_norm"), run.norms.get(f"{name}_norm_bias")
    vectors = [[[n for head in x for n in head[i]] for i in range(len(x[0]))]] if together else x
    made = []
    for head, rows in enumerate(vectors):
        weight, bias = (a[head] if a is not None and a.ndim == 2 else a for a in (weights, biases))
        made.append([norm_of(row, kind, eps, weight, bias) for row in rows])
    return split(made[0], len(x)) if together else made


def norm_of(row: Vector, kind: str, eps: float, weight: Array | None, bias: Array | None) -> Vector:
    middle = sum(row) / len(row) if kind == "layer" else 0.0
    spread = math.sqrt(sum((number - middle) ** 2 for number in row) / len(row) + eps)
    return [
        (number - middle) / spread * (1.0 if weight is None else weight[i]) + (0.0 if bias is None else bias[i])
        for i, number in enumerate(row)
    ]


def turned(x: Matrix, run: Run, ids: Sequence[int]) -> Matrix:
    """Each pair of features as a point in the plane, turned about the origin, and made longer."""
    name, _, rest = run.positions.partition(":")
    if name != "rope":
        return x
    pairs = [word.rpartition("=") for word in rest.split(",") if word]
    words = {name or "base": value for name, _, value in pairs}
    base, factor = float(words.get("base", 10000)), float(words.get("factor", 1))
    dim = int(words.get("dim", len(x[0]))) if run.frequencies is None else 2 * len(run.frequencies)
    length = float(words.get("attention_factor", 1))
    rows = [list(row) for row in x]
    for row, place in zip(rows, ids, strict=True):
        for i in range(dim // 2):
            a, b = (2 * i, 2 * i + 1) if words.get("style") == "interleaved" else (i, i + dim // 2)
            angle = place / factor * base ** (-2 * i / dim) if run.frequencies is None else place * run.frequencies[i]
            point = complex(row[a], row[b]) * complex(math.cos(angle), math.sin(angle)) * length
            row[a], row[b] = point.real, point.imag
    return rows


def placed(x: Rows, run: Run, ids: Sequence[int]) -> Matrix:
    """Vectors with what their positions add."""
    width = len(x[0])
    rows = [list(map(float, row)) for row in x]
    for row, place in zip(rows, ids, strict=True):
        for i in range(width):
            if run.positions == "sinusoidal":
                angle = place / 10000 ** ((i - i % 2) / width)
                row[i] += math.cos(angle) if i % 2 else math.sin(angle)
            if run.position_embeddings is not None:
                row[i] += float(run.position_embeddings[place][i])
    return rows


def times(x: Rows, matrix: Array, bias: Array | None) -> Matrix:
    added = np.zeros(matrix.shape[1]) if bias is None else bias
    return [
        [sum(float(a) * float(matrix[i][j]) for i, a in enumerate(row)) + float(added[j]) for j in range(len(added))]
        for row in x
    ]


def split(x: Matrix, heads: int) -> list[Matrix]:
    width = len(x[0]) // heads
    return [[row[head * width : (head + 1) * width] for row in x] for head in range(heads)]


def cell(matrix: Array | None, head: int, i: int, j: int) -> float:
    """A cell of what all heads share, or of each head's own; 0 where there is nothing."""
    if matrix is None:
        return 0.0
    return float(matrix[i][j] if matrix.ndim == 2 else matrix[head][i][j])
