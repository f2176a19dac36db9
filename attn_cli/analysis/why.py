"""why(): how one cell of the weights came about, term by term; and one whole row of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.changes import ScoreChange, changes
from attn_cli.analysis.following.expected import Expected, Mismatch, expected
from attn_cli.analysis.following.rotation import rotation_mismatch
from attn_cli.analysis.following.rows import Rows, hidden_by_rule, matched_forms, rows_of
from attn_cli.analysis.following.softmax import softmax_of
from attn_cli.trace.stages import PARTS, last_form
from attn_cli.trace.trace import Array, Layer


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

    `stored` is the score that the layer holds, None where it holds none. `unturned` is what the product would be before
    rotation, None where nothing is rotated; `normed` says that a norm after the rotation changed it as well.
    """

    q: str
    k: str
    terms: tuple[ProductTerm, ...]
    score: float
    stored: float | None
    unturned: float | None
    normed: bool = False


@dataclass(frozen=True)
class Key:
    """One key in the eyes of the query: its score at each stage, its exponential in softmax, and its weight.

    `weight` is the stored one, `share` the exponential over the denominator; `follows` says whether these are the same
    but for rounding.
    """

    index: int
    token: str
    scores: Mapping[str, float]
    exponential: float | None
    share: float | None
    weight: float | None
    follows: bool

    @property
    def hidden(self) -> bool:
        return bool(self.scores) and list(self.scores.values())[-1] == -np.inf


@dataclass(frozen=True)
class Row:
    """All keys of one query, the most attended first; `largest` was subtracted before exponentials were taken.

    `denominator` is what they are divided by: their sum, and `sunk` for the sink, whose stored share is `sink`.
    `mismatches` are the stored numbers of the row that do not follow from the stages before them.
    """

    layer: str
    head: int
    key_head: int
    query: int
    token: str
    keys: tuple[Key, ...]
    largest: float | None
    denominator: float | None
    sunk: float | None
    sink: float | None
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, eq=False)
class Cell:
    """One query and one key: `match` and `value` are None where the layer starts later or ends earlier.

    `blend` is what the weights and values of all keys give for head_output. `ruled_out` says whether the mask that the
    layer names hides the key. `mismatches` are the stored numbers on the way that do not follow.
    """

    row: Row
    key: Key
    match: QueryKeyProduct | None
    changes: tuple[ScoreChange, ...]
    parts: Mapping[str, float]
    value: Array | None
    contribution: Array | None
    blend: Array | None
    head_output: Array | None
    ruled_out: bool
    mismatches: tuple[Mismatch, ...]


@np.errstate(all="ignore")  # a dump may hold NaN and infinities
def why_row(layer: Layer, head: int, query: int) -> Row:
    """The whole row of a query (an index) in a head (its own number)."""
    rows = rows_of(layer, head, slice(query, query + 1))
    return _row(rows, query, {made.stage: made for made in expected(rows)})


def _row(rows: Rows, query: int, followed: Mapping[str, Expected]) -> Row:
    layer, head = rows.layer, rows.head
    scores = {name: rows.of(name)[0] for name in rows.chain if name != "weights"}
    weights = rows.of("weights")[0] if "weights" in layer else None
    softmax = softmax_of(rows)
    order = np.arange(len(layer.key_tokens))
    exponentials = None if softmax is None else softmax.exponentials[0]
    ranking = weights if weights is not None else exponentials
    if ranking is not None:
        order = np.argsort(-ranking, kind="stable")
    shares = followed.get("weights")
    keys = tuple(
        Key(
            index=int(key),
            token=layer.key_tokens[key],
            scores={name: float(row[key]) for name, row in scores.items()},
            exponential=None if exponentials is None else float(exponentials[key]),
            share=None if shares is None else float(shares.values[0, key]),
            weight=None if weights is None else float(weights[key]),
            follows=shares is None or not shares.wrong[0, key],
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
        largest=None if softmax is None else float(softmax.largest[0, 0]),
        denominator=None if softmax is None else float(softmax.denominator[0, 0]),
        sunk=None if softmax is None or softmax.sink is None else float(softmax.sink[0, 0]),
        sink=float(rows.of("sink_weight")[0]) if "sink_weight" in layer else None,
        mismatches=_mismatches(followed.values()),
    )


def _mismatches(followed: Iterable[Expected], key: int | None = None) -> tuple[Mismatch, ...]:
    """The numbers of a row that do not follow: the worst of each stage, or of the stages of scores those of one key."""
    found = []
    for made in followed:
        at = made.worst() if key is None or made.stage == "head_output" else (0, key)
        mismatch = None if at is None else made.mismatch(*at)
        found += [] if mismatch is None else [mismatch]
    return tuple(found)


@np.errstate(all="ignore")
def why_cell(layer: Layer, head: int, query: int, key: int) -> Cell:
    """One cell: the dot product, every step after it, softmax, and what the key's value adds to the output."""
    rows = rows_of(layer, head, slice(query, query + 1))
    followed = {made.stage: made for made in expected(rows)}
    row = _row(rows, query, followed)
    place = layer.head_index.index(head)
    chosen = next(rival for rival in row.keys if rival.index == key)
    value = rows.of("V")[key] if "V" in layer else None
    blended = followed.get("head_output")
    parts = {name: float(layer[name][place, query, key]) for name in PARTS if name in layer}
    apart = (rotation_mismatch(rows, query, key), _parts_mismatch(rows, parts, chosen))
    return Cell(
        row=row,
        key=chosen,
        match=_match(layer, head, query, key),
        changes=changes(layer, head, query, key, chosen.scores, followed),
        parts=parts,
        value=value,
        contribution=None if value is None or chosen.weight is None else chosen.weight * value,
        blend=None if blended is None else blended.values[0],
        head_output=layer["head_output"][place, query] if "head_output" in layer else None,
        ruled_out=bool(hidden_by_rule(layer, rows.rows)[0, key]),
        mismatches=(*(found for found in apart if found is not None), *_mismatches(followed.values(), key)),
    )


def _parts_mismatch(rows: Rows, parts: Mapping[str, float], key: Key) -> Mismatch | None:
    """The score before the mask, if the stored parts of it do not add up to it."""
    stages = [name for name in key.scores if name != "masked"]
    if len(parts) < 2 or not stages:
        return None
    total, score = sum(parts.values()), key.scores[stages[-1]]
    exact = [rows.exact[name] for name in (*parts, stages[-1])]
    allowed = max(one.relative for one in exact) * sum(map(abs, (*parts.values(), score)))
    allowed += sum(one.absolute for one in exact)
    if not np.isfinite(total) or not np.isfinite(score) or abs(total - score) <= allowed:
        return None
    return Mismatch(stages[-1], " + ".join(parts), key.index, None, total, score)


def _match(layer: Layer, head: int, query: int, key: int) -> QueryKeyProduct | None:
    stages = [stage.name for stage in layer.stages]
    if (names := matched_forms(layer)) is None:
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
    if "Q_rotated" in stages or "K_rotated" in stages:
        q_before, k_before = (_before_rotation(name, stages) for name in "QK")
        if q_before and k_before:
            unturned = float(_vector(layer, q_before, head, query) @ _vector(layer, k_before, head, key))
    stored = float(layer["scores"][layer.head_index.index(head), query, key]) if "scores" in stages else None
    normed = not all(name is None or name.endswith("_rotated") for name in names)
    return QueryKeyProduct(names[0], names[1], terms, float(products.sum()), stored, unturned, normed)


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
