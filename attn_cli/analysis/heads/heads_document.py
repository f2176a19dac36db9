"""What heads() found as a document for scripts, and as CSV."""

from typing import Any

from attn_cli import __version__
from attn_cli.analysis.documents import document
from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.heads import Head, HeadsReport
from attn_cli.analysis.heads.metric_names import Named
from attn_cli.analysis.heads.metrics import METRICS


def heads_document(report: HeadsReport, heads: tuple[Head, ...], least: dict[str, float]) -> dict[str, Any]:
    """The heads in the order given, the thresholds of their names, and what is undefined, with the reason."""
    body = {
        "texts": len(report.lengths),
        "thresholds": least,
        "undefined": dict(report.undefined),
        "heads": [_head(head) for head in heads],
    }
    several = {"text": None, "tokens": None} if len(report.lengths) > 1 else {}
    return document("heads", report.trace, body) | several | {"notes": list(report.notes)}


def definitions_document(named: Named) -> dict[str, Any]:
    """Definitions, sources and units of metrics, and what heads are named by."""
    return {
        "format": "attn.metrics",
        "version": 1,
        "attn": __version__,
        "metrics": {
            name: {"definition": one.definition, "source": one.source, "unit": one.unit, "undefined": one.missing}
            for name, one in ((name, METRICS[name]) for name in named.metrics)
        },
        "names": {
            name: {"name": one.words.format("…"), "threshold": one.least, "by": one.what}
            for name, one in ((name, KINDS[name]) for name in named.kinds)
        },
    }


def _head(head: Head) -> dict[str, Any]:
    found = {
        "layer": head.layer,
        "head": head.head,
        "name": head.name,
        "evidence": head.evidence,
        "evidence_queries": head.queries,
        "sink_token": {"index": head.sink[0], "token": head.sink[1]},
        "metrics": dict(head.metrics),
        "baseline": dict(head.baseline),
        "lift": dict(head.lift),
    }
    return found if head.spread is None else found | {"spread": dict(head.spread)}


def heads_csv(heads: tuple[Head, ...]) -> bytes:
    """One line for each head and metric: layer, head, name, metric, figures; undefined ones are empty."""
    lines = ["layer,head,name,metric,value,baseline,lift,spread"]
    for head in heads:
        start = f"{head.layer},{head.head},{_cell(head.name)}"
        for name in METRICS:
            figures = (head.metrics[name], head.baseline[name], head.lift[name], (head.spread or {}).get(name))
            lines.append(f"{start},{name}," + ",".join("" if one is None else repr(one) for one in figures))
    return "\n".join([*lines, ""]).encode("utf-8", errors="backslashreplace")


def _cell(text: str) -> str:
    plain = any(text == kind.words for kind in KINDS.values()) or text == "mixed"
    return text if plain else '"' + text.replace('"', '""') + '"'
