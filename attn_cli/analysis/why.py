"""why(): how one cell of the weights came about, term by term; and one whole row of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.changes import ScoreChange, changes
from attn_cli.trace.stages import CHAIN, PARTS, last_form
from attn_cli.trace.trace import Array, Layer

SCORES = CHAIN[:-1]


@dataclass(frozen=True)
class ProductTerm:
    """One feature's part in a dot product; `total` is the sum up to here."""

    feature: int
    q: float
    k: float
    product: float
    total: float


@dataclass(frozen=True)
class QueryKeyProduct:
    """The dot product of a query and a key: the stages it multiplies, its terms, the largest first, and its value.

    `unturned` is what it would be before rotation, None where nothing is rotated.
    """

    q: str
    k: str
    terms: tuple[ProductTerm, ...]
    score: float
    unturned: float | None


@dataclass(frozen=True)
class Key:
    """One key in the eyes of the query: its score at each stage, its exponential in softmax, and its weight."""

    index: int
    token: str
    scores: Mapping[str, float]
    exponential: float | None
    weight: float | None

    @property
    def hidden(self) -> bool:
        return bool(self.scores) and list(self.scores.values())[-1] == -np.inf


@dataclass(frozen=True)
class Row:
    """All keys of one query, the most attended first; `largest` was subtracted before exponentials were taken.

    `denominator` is what they are divided by, `sink` the share of it that the sink took.
    """

    layer: str
    head: int
    key_head: int
    query: int
    token: str
    keys: tuple[Key, ...]
    largest: float | None
    denominator: float | None
    sink: float | None


@dataclass(frozen=True, eq=False)
class Cell:
    """One query and one key: `match` and `value` are None where the layer starts later or ends earlier."""

    row: Row
    key: Key
    match: QueryKeyProduct | None
    changes: tuple[ScoreChange, ...]
    parts: Mapping[str, float]
    value: Array | None
    contribution: Array | None
    head_output: Array | None


def why_row(layer: Layer, head: int, query: int) -> Row:
    """The whole row of a query (an index) in a head (its own number)."""
    place = layer.head_index.index(head)
    stages = [name for name in SCORES if name in layer]
    scores = {name: layer[name][place, query].astype(np.float64) for name in stages}
    weights = layer["weights"][place, query].astype(np.float64) if "weights" in layer else None
    sink = float(layer["sink_weight"][place, query]) if "sink_weight" in layer else None
    largest = denominator = exponentials = None
    if stages:
        last = scores[stages[-1]]
        largest = float(last.max()) if last.size and last.max() > -np.inf else 0.0
        with np.errstate(all="ignore"):
            exponentials = np.exp(last - largest)
            denominator = float(exponentials.sum()) / (1.0 if sink is None or sink >= 1 else 1 - sink)
    order = np.arange(len(layer.key_tokens))
    ranking = weights if weights is not None else exponentials
    if ranking is not None:
        order = np.argsort(-ranking, kind="stable")
    keys = tuple(
        Key(
            index=int(key),
            token=layer.key_tokens[key],
            scores={name: float(row[key]) for name, row in scores.items()},
            exponential=None if exponentials is None else float(exponentials[key]),
            weight=None if weights is None else float(weights[key]),
        )
        for key in order
    )
    return Row(
        layer=layer.name,
        head=head,
        key_head=layer.key_head(head),
        query=query,
        token=layer.query_tokens[query],
        keys=keys,
        largest=largest,
        denominator=denominator,
        sink=sink,
    )


def why_cell(layer: Layer, head: int, query: int, key: int) -> Cell:
    """One cell: the dot product, every step after it, softmax, and what the key's value adds to the output."""
    row = why_row(layer, head, query)
    place = layer.head_index.index(head)
    shared = layer.kv_head_index.index(row.key_head) if "V" in layer else 0
    own = next(found for found in row.keys if found.index == key)
    value = layer["V"][shared, key] if "V" in layer else None
    return Cell(
        row=row,
        key=own,
        match=_match(layer, head, query, key),
        changes=changes(layer, head, query, key, own.scores),
        parts={name: float(layer[name][place, query, key]) for name in PARTS if name in layer},
        value=value,
        contribution=None if value is None or own.weight is None else own.weight * value.astype(np.float64),
        head_output=layer["head_output"][place, query] if "head_output" in layer else None,
    )


def _match(layer: Layer, head: int, query: int, key: int) -> QueryKeyProduct | None:
    stages = [stage.name for stage in layer.stages]
    names = [last_form(name, stages) for name in "QK"]
    if names[0] is None or names[1] is None:
        return None
    q, k = _vector(layer, names[0], head, query), _vector(layer, names[1], head, key)
    products = q * k
    order = np.argsort(-np.abs(products), kind="stable")
    totals = np.cumsum(products[order])
    terms = tuple(
        ProductTerm(int(feature), float(q[feature]), float(k[feature]), float(products[feature]), float(total))
        for feature, total in zip(order, totals, strict=True)
    )
    unturned = None
    if "Q_rotated" in stages:
        q_before, k_before = (_before_rotation(name, stages) for name in "QK")
        if q_before and k_before:
            unturned = float(_vector(layer, q_before, head, query) @ _vector(layer, k_before, head, key))
    return QueryKeyProduct(names[0], names[1], terms, float(products.sum()), unturned)


def _before_rotation(name: str, stages: list[str]) -> str | None:
    """The last form of Q or K before it is rotated."""
    rotated = f"{name}_rotated"
    return last_form(name, stages[: stages.index(rotated)] if rotated in stages else stages)


def _vector(layer: Layer, name: str, head: int, row: int) -> Array:
    """One query or key (feature) of a query head."""
    place = layer.head_index.index(head)
    if name.startswith("K"):
        place = layer.kv_head_index.index(layer.key_head(head))
    vector: Array = layer[name][place, row].astype(np.float64)
    return vector
