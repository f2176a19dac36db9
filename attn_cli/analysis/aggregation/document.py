"""The result of `--aggregate` as a document for scripts, and as CSV."""

from typing import Any

from attn_cli.analysis.aggregation.aggregates import Aggregate
from attn_cli.analysis.document import trace_document
from attn_cli.analysis.dropping import Dropped, mean_over_queries
from attn_cli.trace.addresses import layer_number
from attn_cli.trace.files.csv import cell
from attn_cli.trace.trace import Trace

HEADER = "row,column,row_token,column_token,value"


def aggregate_document(trace: Trace, result: Aggregate, dropped: Dropped | None = None) -> dict[str, Any]:
    """The matrix with its method and layers; `hidden_mass` is the attention of dropped keys, 0 if there are none."""
    left_out = zip(dropped.positions, dropped.left_out, strict=True) if dropped else ()
    body = {
        "method": result.name,
        "definition": result.method.definition,
        "citation": result.method.citation,
        "rows_sum_to": result.method.rows_sum_to,
        "layers": [
            {"name": name, "layer_index": layer_number(name), "heads": list(heads)}
            for name, heads in zip(result.layers, result.heads, strict=True)
        ],
        "query_tokens": list(result.queries),
        "key_tokens": list(dropped.keys if dropped else result.keys),
        "matrix": (dropped.matrix if dropped else result.matrix).tolist(),
        **result.figures,
        "left_out": [{"index": at, "token": token} for at, token in left_out],
        "hidden_mass": next(iter(mean_over_queries(dropped.hidden)), None) if dropped else 0.0,
        "remarks": list(result.remarks),
    }
    return trace_document("aggregate", trace, body)


def aggregate_csv(result: Aggregate, dropped: Dropped | None = None) -> bytes:
    """A line for each cell; `column` counts all keys, and keys left out have no line."""
    matrix, keys = (result.matrix, result.keys) if dropped is None else (dropped.matrix, dropped.keys)
    gone = () if dropped is None else dropped.positions
    columns = [column for column in range(len(result.keys)) if column not in gone]
    lines = [
        f"{row},{column},{cell(query)},{cell(key)},{value!r}"
        for row, (query, values) in enumerate(zip(result.queries, matrix.tolist(), strict=True))
        for column, key, value in zip(columns, keys, values, strict=True)
    ]
    return "\n".join([HEADER, *lines, ""]).encode("utf-8", errors="backslashreplace")
