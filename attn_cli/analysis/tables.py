"""Results of `attn why` and `attn compare` as CSV tables, made from their documents."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from attn_cli.analysis.document import csv_table


def why_csv(document: Mapping[str, Any]) -> bytes:
    """One line for each key of the query, the largest weight first, or for the one key that was chosen.

    `scores` and the columns after it are the stages that the layer has; a hidden key's masked score is -inf.
    """
    chosen = document.get("key")
    keys = [key for key in document["keys"] if chosen is None or key["index"] == chosen["index"]]
    stages = list(document["keys"][0]["scores"])
    start = (document["layer"], document["head"], document["query"]["index"], document["query"]["token"])
    columns = ("layer", "head", "query", "query_token", "key", "key_token", *stages, "exponential", "weight", "hidden")
    rows = (
        (
            *start,
            key["index"],
            key["token"],
            *(-inf if key["scores"][stage] is None else key["scores"][stage] for stage in stages),
            key["exponential"],
            key["weight"],
            key["hidden"],
            document["layer_index"],
        )
        for key in keys
    )
    return csv_table((*columns, "layer_index"), rows)


def compare_csv(document: Mapping[str, Any]) -> bytes:
    """One line for each setting, stage and head that were compared, in the order of the document.

    For a stage, `largest` is the largest difference, and what follows says where it is and what A and B hold there.
    For a head, `largest` is that of its weights, and `js` the mean Jensen-Shannon divergence of its rows in nats.
    """
    columns = "compared,layer,head,name,largest,row_a,row_b,column_a,column_b,a,b,js,layer_index".split(",")
    return csv_table(columns, _compared(document))


def _compared(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    none = (None,) * 4
    for entry in document["settings"]:
        name, a, b = entry["name"], str(entry["a"]), str(entry["b"])
        yield ("setting", entry["layer"], None, name, None, *none, a, b, None, entry["layer_index"])
    for entry in document["stages"]:
        row, column = entry["row"], entry["column"]
        columns = column if isinstance(column, list | tuple) else (column, column)
        start = ("stage", entry["layer"], entry["head"], entry["stage"], entry["largest"])
        yield (*start, *row, *columns, entry["a"], entry["b"], None, entry["layer_index"])
    for entry in document["heads"]:
        start = ("head", entry["layer"], entry["head"], "weights", entry["largest"])
        yield (*start, *none, None, None, entry["js"], entry["layer_index"])
