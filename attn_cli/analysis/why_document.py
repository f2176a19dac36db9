"""The result of `attn why` as a document for scripts."""

from math import inf
from typing import Any

from attn_cli.analysis.document import layer_keys, trace_document
from attn_cli.analysis.why import Cell, Key, Row
from attn_cli.trace.trace import Array, Trace


def row_document(trace: Trace, row: Row) -> dict[str, Any]:
    """One query with its keys, the largest weight first."""
    mismatches = [vars(mismatch) for mismatch in row.mismatches]
    return trace_document("why", trace, _row(row) | {"mismatches": mismatches, "keys": [_key(key) for key in row.keys]})


def cell_document(trace: Trace, cell: Cell) -> dict[str, Any]:
    """One cell: the dot product, each step on the score, the softmax, the weighted value."""
    match = cell.match
    body = _row(cell.row) | {
        "key": {"index": cell.key.index, "token": cell.key.token},
        "terms": None if match is None else [vars(term) for term in match.terms],
        "match": None
        if match is None
        else {
            "q": match.q,
            "k": match.k,
            "score": match.score,
            "stored": match.stored,
            "unturned": match.unturned,
        },
        "steps": [vars(change) | {"numbers": dict(change.numbers)} for change in cell.changes],
        "parts": dict(cell.parts),
        "scores": _scores(cell.key),
        "exponential": cell.key.exponential,
        "share": cell.key.share,
        "weight": cell.key.weight,
        "hidden": cell.key.hidden,
        "V": _list(cell.value),
        "contribution": _list(cell.contribution),
        "blend": _list(cell.blend),
        "head_output": _list(cell.head_output),
        "mismatches": [vars(mismatch) for mismatch in cell.mismatches],
        "keys": [_key(key) for key in cell.row.keys],
    }
    return trace_document("why", trace, body)


def _row(row: Row) -> dict[str, Any]:
    return {
        **layer_keys(row.layer),
        "head": row.head,
        "kv_head": row.key_head,
        "query": {"index": row.query, "token": row.token},
        "largest": row.largest,
        "denominator": row.denominator,
        "sink_weight": row.sink,
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "index": key.index,
        "token": key.token,
        "scores": _scores(key),
        "exponential": key.exponential,
        "share": key.share,
        "weight": key.weight,
        "hidden": key.hidden,
    }


def _scores(key: Key) -> dict[str, float | None]:
    """A key's score at each stage; None where it is masked, as in a trace."""
    return {name: None if name == "masked" and score == -inf else score for name, score in key.scores.items()}


def _list(array: Array | None) -> list[float] | None:
    return None if array is None else array.tolist()
