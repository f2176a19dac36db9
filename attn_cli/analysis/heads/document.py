"""The result of `attn heads` as a document for scripts, and as CSV."""

from typing import Any

from attn_cli.analysis.document import csv_table, document_head, layer_keys, trace_document
from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.heads import Head, HeadsReport
from attn_cli.analysis.heads.metric_names import Named
from attn_cli.analysis.heads.metrics import METRICS


def heads_document(report: HeadsReport, heads: tuple[Head, ...], least: dict[str, float]) -> dict[str, Any]:
    """The heads in the order given, the thresholds of their names, and why some metrics are undefined."""
    body = {
        "texts": len(report.lengths),
        "thresholds": least,
        "undefined": dict(report.undefined),
        "heads": [_head(head) for head in heads],
    }
    several = {"text": None, "tokens": None} if len(report.lengths) > 1 else {}
    return trace_document("heads", report.trace, body) | several | {"notes": list(report.notes)}


def definitions_document(named: Named) -> dict[str, Any]:
    """Definitions, sources and units of metrics, and the evidence for each kind of head."""
    metrics = {name: METRICS[name] for name in named.metrics}
    kinds = {name: KINDS[name] for name in named.kinds}
    return {
        **document_head("metrics"),
        "metrics": {
            name: {
                "definition": metric.definition,
                "source": metric.source,
                "unit": metric.unit,
                "undefined": metric.missing,
            }
            for name, metric in metrics.items()
        },
        "names": {
            name: {"name": kind.words.format("…"), "threshold": kind.least, "by": kind.what}
            for name, kind in kinds.items()
        },
    }


def _head(head: Head) -> dict[str, Any]:
    values = {
        **layer_keys(head.layer),
        "head": head.head,
        "name": head.name,
        "kind": head.kind,
        "evidence": head.evidence,
        "evidence_queries": head.queries,
        "sink_token": {"index": head.sink[0], "token": head.sink[1]},
        "metrics": dict(head.metrics),
        "baseline": dict(head.baseline),
        "lift": dict(head.lift),
    }
    return values if head.spread is None else values | {"spread": dict(head.spread)}


def heads_csv(heads: tuple[Head, ...]) -> bytes:
    """One line for each head and metric: layer, head, name, metric, value …; undefined values are empty."""
    columns = "layer,head,name,metric,value,baseline,lift,spread,layer_index".split(",")
    rows = (
        (
            *(head.layer, head.head, head.name, name),
            *(head.metrics[name], head.baseline[name], head.lift[name], (head.spread or {}).get(name)),
            head.index,
        )
        for head in heads
        for name in METRICS
    )
    return csv_table(columns, rows)
