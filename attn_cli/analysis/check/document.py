"""A report of `check` as a document for scripts."""

from typing import Any

from attn_cli import __version__
from attn_cli.analysis.check.check import CheckReport
from attn_cli.trace.trace import Trace


def check_document(trace: Trace, path: str, report: CheckReport) -> dict[str, Any]:
    """The verdict, what was compared, the findings, and where asked for the errors of each layer's stages."""
    document: dict[str, Any] = {
        "format": "attn.check",
        "version": 1,
        "attn": __version__,
        "source": {"path": path, **{key: value for key, value in trace.source.items() if key != "path"}},
        "verdict": report.verdict,
        "layers": report.layers,
        "heads": report.heads,
        "checked": list(report.compared),
        "faults": report.faults,
        "remarks": report.remarks,
        "findings": [finding.document() for finding in report.findings],
    }
    if report.errors is None:
        return document
    errors: dict[str, dict[str, Any]] = {}
    for error in report.errors:
        errors.setdefault(error.layer, {})[error.stage] = error.document()
    return document | {"errors": errors}
