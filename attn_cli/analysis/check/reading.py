"""A dump from a file, NaN and infinities let in however they are written; what is declared of it."""

import re
from collections.abc import Mapping
from typing import Any

from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.reading import read_document, read_parameters
from attn_cli.sources.request import Request
from attn_cli.trace.files.kinds import kind_of
from attn_cli.trace.trace import Trace

_STRINGS_OR_ODD = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b')


def read_dump(data: bytes, name: str, matrix_stage: str | None = None) -> Trace | Parameters:
    """The trace or the parameters that bytes hold; DocumentError where they are neither."""
    if kind_of(data) == "json":
        data = _STRINGS_OR_ODD.sub(_quoted, data)
    document = read_document(data, name, matrix_stage)
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
    return Trace(found.tokens, (layer,), {"kind": "document", "path": path}, context_tokens=found.context_tokens)


def _quoted(match: "re.Match[bytes]") -> bytes:
    """The bare words that Python's json writes, as the words that a trace holds."""
    return match[0] if match[0].startswith(b'"') else b'"%s"' % match[0]
