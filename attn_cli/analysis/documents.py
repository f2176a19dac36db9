"""Results as documents for scripts: versioned objects of plain values."""

from collections.abc import Mapping
from math import inf
from typing import Any

from attn_cli import __version__
from attn_cli.analysis.compare import Comparison, Difference
from attn_cli.analysis.logits.prediction import Prediction
from attn_cli.analysis.why import Cell, Key, Row
from attn_cli.trace.trace import Array, Trace


def document(kind: str, trace: Trace, body: Mapping[str, Any]) -> dict[str, Any]:
    """The head that every result has, then its body."""
    return {
        "format": f"attn.{kind}",
        "version": 1,
        "attn": __version__,
        "text": trace.text,
        "tokens": list(trace.tokens),
        "source": dict(trace.source),
        **body,
        "notes": list(trace.notes),
    }


def row_document(trace: Trace, row: Row) -> dict[str, Any]:
    """One query's keys, ranked."""
    return document("why", trace, _row(row) | {"keys": [_key(key) for key in row.keys]})


def cell_document(trace: Trace, cell: Cell) -> dict[str, Any]:
    """One cell: dot product, steps, softmax, value."""
    match = cell.match
    body = _row(cell.row) | {
        "key": {"index": cell.key.index, "token": cell.key.token},
        "terms": None if match is None else [vars(term) for term in match.terms],
        "match": None
        if match is None
        else {"q": match.q, "k": match.k, "score": match.score, "unturned": match.unturned},
        "steps": [vars(change) | {"numbers": dict(change.numbers)} for change in cell.changes],
        "parts": dict(cell.parts),
        "scores": _scores(cell.key),
        "exponential": cell.key.exponential,
        "weight": cell.key.weight,
        "hidden": cell.key.hidden,
        "V": _list(cell.value),
        "contribution": _list(cell.contribution),
        "head_output": _list(cell.head_output),
        "keys": [_key(key) for key in cell.row.keys],
    }
    return document("why", trace, body)


def _row(row: Row) -> dict[str, Any]:
    return {
        "layer": row.layer,
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
        "weight": key.weight,
        "hidden": key.hidden,
    }


def _scores(key: Key) -> dict[str, float | None]:
    """A key's score at each stage; null where it is hidden, as in a trace."""
    return {name: None if name == "masked" and score == -inf else score for name, score in key.scores.items()}


def _list(array: Array | None) -> list[float] | None:
    return None if array is None else array.tolist()


def compare_document(
    a: Trace, b: Trace, found: Comparison, tolerance: float, expected: Prediction | None = None
) -> dict[str, Any]:
    """Two traces: how their tokens stand for each other, and the differences of settings, stages and heads."""
    first = found.first(tolerance)
    return {
        "format": "attn.compare",
        "version": 1,
        "attn": __version__,
        "a": _side(a),
        "b": _side(b),
        "tolerance": tolerance,
        "differ": first is not None,
        "largest": found.largest,
        "first": None if first is None else {"layer": first.layer, "stage": first.stage.name},
        "queries": found.queries,
        "keys": found.keys,
        "settings": [vars(setting) for setting in found.settings],
        "stages": [_stage(difference) for difference in found.stages],
        "heads": [vars(head) for head in found.heads],
        "left_out": list(found.left_out),
    } | ({} if expected is None else {"next": _next(expected)})


def _next(expected: Prediction) -> dict[str, Any]:
    tokens = [{"id": t.id, "token": t.token, "a": t.before, "b": t.after} for t in expected.tokens]
    moved = expected.shift
    top = {"id": moved.top, "token": expected.top, "log_change": moved.log_change}
    return {"kl": moved.kl, "top": top, "tokens": tokens}


def _side(trace: Trace) -> dict[str, Any]:
    return {"text": trace.text, "tokens": list(trace.tokens), "source": dict(trace.source), "notes": list(trace.notes)}


def _stage(difference: Difference) -> dict[str, Any]:
    head, row, column = difference.place
    return {
        "layer": difference.layer,
        "stage": difference.stage.name,
        "largest": difference.largest,
        "head": difference.heads[head],
        "row": difference.rows[row],
        "column": column if difference.columns is None else difference.columns[column],
        "a": difference.a,
        "b": difference.b,
    }
