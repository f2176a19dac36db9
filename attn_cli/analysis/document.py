"""Results as documents for scripts: versioned objects of plain values, all with the same first keys."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attn_cli import __version__
from attn_cli.trace.addresses import layer_number
from attn_cli.trace.files.csv import cell
from attn_cli.trace.trace import Trace


def document_head(kind: str) -> dict[str, Any]:
    """The keys that every result begins with: its format, the format's version and the version of attn."""
    return {"format": f"attn.{kind}", "version": 1, "attn": __version__}


def layer_keys(layer: str) -> dict[str, Any]:
    """The keys that name a layer: its name, and its number, which sorts as numbers do."""
    return {"layer": layer, "layer_index": layer_number(layer)}


def trace_document(kind: str, trace: Trace, body: Mapping[str, Any]) -> dict[str, Any]:
    """A result about one trace: the head, the text and its source, then the body and the notes."""
    return {
        **document_head(kind),
        "text": trace.text,
        "tokens": list(trace.tokens),
        "source": dict(trace.source),
        **body,
        "notes": list(trace.notes),
    }


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Rows of words and numbers as CSV; None is an empty field, and numbers have all their digits."""
    lines = [",".join(columns), *(",".join(map(_field, row)) for row in rows), ""]
    return "\n".join(lines).encode("utf-8", errors="backslashreplace")


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return cell(value) if isinstance(value, str) else repr(value)
