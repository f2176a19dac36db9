"""The result of `attn read` as a document for scripts, and as CSV."""

from typing import Any

from attn_cli.analysis.document import layer_keys, trace_document
from attn_cli.analysis.read import EVERY, HeadShare, Reading, TextRead
from attn_cli.trace.addresses import address


def read_document(read: TextRead) -> dict[str, Any]:
    """The tokens of the text, and for each reading its heads, and the share of each token from 0 to 1."""
    body = {
        "query": _query(read),
        "keys": list(read.tokens),
        "readings": [_reading(reading) for reading in read.readings],
    }
    return trace_document("read", read.trace, body)


def read_csv(read: TextRead) -> bytes:
    """One line for each token and reading."""
    import csv
    from io import StringIO

    stream = StringIO()
    write = csv.writer(stream, lineterminator="\n").writerow
    write(("head", "query", "query_token", "key", "key_token", "share", "masked"))
    query = (EVERY, "") if read.every else (read.queries[0], read.query_tokens[read.queries[0]])
    for reading in read.readings:
        heads = reading.heads
        name = address(heads[0].layer, heads[0].head) if len(heads) == 1 else f"mean of {len(heads)}"
        for key, (token, share) in enumerate(zip(read.tokens, reading.shares.tolist(), strict=True)):
            write((name, *query, key, token, share, str(bool(reading.masked[key])).lower()))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _query(read: TextRead) -> dict[str, Any]:
    if read.every:
        return {"index": None, "token": None, "mean_over": len(read.queries)}
    index = read.queries[0]
    return {"index": index, "token": read.query_tokens[index], "mean_over": 1}


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "heads": [_head(head) for head in reading.heads],
        "shares": reading.shares.tolist(),
        "masked": reading.masked.tolist(),
        "sink_weight": reading.sink,
        "dropped": None if reading.dropped is None else list(reading.dropped.positions),
    }


def _head(head: HeadShare) -> dict[str, Any]:
    """A head, and the key that it gives most."""
    return {**layer_keys(head.layer), "head": head.head, "key": head.key, "share": head.share}
