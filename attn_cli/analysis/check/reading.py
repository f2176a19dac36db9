"""A dump from a file, NaN and infinities let in however they are written; what is declared of it."""

from collections.abc import Mapping
from typing import Any

from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.reading import read_document
from attn_cli.sources.documents.to_parameters import read_parameters
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Trace


def read_dump(
    data: bytes, name: str, matrix_stage: str | None = None, max_bytes: int | None = None
) -> Trace | Parameters:
    """The trace or the parameters that bytes hold, NaN and infinities included; DocumentError if they hold neither."""
    document = read_document(data, name, matrix_stage, max_bytes)
    if isinstance(document, Trace):
        return document
    return read_parameters(Request(weights=name, matrix_stage=matrix_stage, allow_nonfinite=True), document, name)


def declared_by(mask: str | None, positions: str | None, scale: str | None, softcap: str | None) -> Mapping[str, Any]:
    """The settings that options declare, parsed; UsageError where one is misspelled."""
    return Request(mask=mask, positions=positions, scale=scale, softcap=softcap).overrides()


def shown(found: Trace | Parameters, path: str) -> Trace:
    """A trace whose provenance can be told, with the file for its source."""
    if isinstance(found, Trace):
        return found
    layer = found.attended()
    source = {"kind": "document", "path": path}
    return Trace(found.tokens, (layer,), source, context_tokens=found.context_tokens, notes=found.notes)
