"""The result of `attn compare` as a document for scripts."""

from typing import Any

from attn_cli.analysis.compare import Comparison, Difference
from attn_cli.analysis.document import document_head, layer_keys
from attn_cli.analysis.logits.prediction import Prediction
from attn_cli.trace.trace import Trace


def compare_document(
    a: Trace, b: Trace, comparison: Comparison, tolerance: float, predicted: Prediction | None = None
) -> dict[str, Any]:
    """Two traces: the aligned tokens, and the differences of settings, stages and heads."""
    first = comparison.first(tolerance)
    return {
        **document_head("compare"),
        "a": _run(a),
        "b": _run(b),
        "tolerance": tolerance,
        "differ": first is not None,
        "largest": comparison.largest,
        "first": None if first is None else {**layer_keys(first.layer), "stage": first.stage.name},
        "queries": comparison.queries,
        "keys": comparison.keys,
        "settings": [layer_keys(setting.layer) | vars(setting) for setting in comparison.settings],
        "stages": [_stage(difference) for difference in comparison.stages],
        "heads": [layer_keys(head.layer) | vars(head) for head in comparison.heads],
        "left_out": list(comparison.left_out),
    } | ({} if predicted is None else {"next": _next(predicted)})


def _next(predicted: Prediction) -> dict[str, Any]:
    tokens = [{"id": t.id, "token": t.token, "a": t.before, "b": t.after} for t in predicted.tokens]
    moved = predicted.shift
    top = {"id": moved.top, "token": predicted.top, "log_change": moved.log_change}
    return {"kl": moved.kl, "top": top, "tokens": tokens}


def _run(trace: Trace) -> dict[str, Any]:
    return {"text": trace.text, "tokens": list(trace.tokens), "source": dict(trace.source), "notes": list(trace.notes)}


def _stage(difference: Difference) -> dict[str, Any]:
    head, row, column = difference.index
    return {
        **layer_keys(difference.layer),
        "stage": difference.stage.name,
        "largest": difference.largest,
        "head": difference.heads[head],
        "row": difference.rows[row],
        "column": column if difference.columns is None else difference.columns[column],
        "a": difference.a,
        "b": difference.b,
    }
