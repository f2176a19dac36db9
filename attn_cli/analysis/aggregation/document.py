"""One matrix of many heads as a document for scripts, and as CSV."""

from typing import Any

from attn_cli.analysis.aggregation.aggregates import Aggregate
from attn_cli.analysis.documents import document
from attn_cli.analysis.dropping import Dropped, mean_over_queries
from attn_cli.trace.files.csv import cell
from attn_cli.trace.trace import Trace

HEADER = "row,column,row_token,column_token,value"


def aggregate_document(trace: Trace, found: Aggregate, dropped: Dropped | None = None) -> dict[str, Any]:
    """One matrix of many heads; where keys were left out, of those that are left, and how much the others held."""
    body = {
        "method": found.name,
        "definition": found.method.definition,
        "citation": found.method.citation,
        "rows_sum_to": found.method.rows_sum_to,
        "layers": [{"name": name, "heads": list(heads)} for name, heads in zip(found.layers, found.heads, strict=True)],
        "query_tokens": list(found.queries),
        "key_tokens": list(dropped.keys if dropped else found.keys),
        "matrix": (dropped.matrix if dropped else found.matrix).tolist(),
        **found.figures,
        "left_out": [{"index": at, "token": token} for at, token in zip(dropped.places, dropped.left_out, strict=True)]
        if dropped
        else [],
        "hidden_mass": next(iter(mean_over_queries(dropped.hidden)), None) if dropped else 0.0,
        "remarks": list(found.remarks),
    }
    return document("aggregate", trace, body)


def aggregate_csv(found: Aggregate, dropped: Dropped | None = None) -> bytes:
    """A line for each cell; `column` counts all keys, of which those left out have no line."""
    matrix, keys = (found.matrix, found.keys) if dropped is None else (dropped.matrix, dropped.keys)
    gone = () if dropped is None else dropped.places
    places = [place for place in range(len(found.keys)) if place not in gone]
    lines = [
        f"{row},{place},{cell(query)},{cell(key)},{value!r}"
        for row, (query, values) in enumerate(zip(found.queries, matrix.tolist(), strict=True))
        for place, key, value in zip(places, keys, values, strict=True)
    ]
    return "\n".join([HEADER, *lines, ""]).encode("utf-8", errors="backslashreplace")
