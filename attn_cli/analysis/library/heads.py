"""heads(): what each head does, in figures and in a name."""

from collections.abc import Iterable, Mapping

from attn_cli.analysis.heads.head_names import thresholds as checked
from attn_cli.analysis.heads.heads import HeadsReport
from attn_cli.analysis.heads.heads import heads as report_of
from attn_cli.trace.trace import Trace


def heads(
    traces: Trace | Iterable[Trace], *, thresholds: Mapping[str, float] | None = None, period: int | None = None
) -> HeadsReport:
    """What each head of a trace does: its metrics, their values under even attention, and a name such as "induction".

    Give several traces of one model to average over texts. `thresholds` says how much evidence a name takes, 0 to 1
    ({"previous_token": 0.5}). `period` is the length of a sequence that is repeated, for the metrics on repeated
    tokens.

    The report's `heads` are in the order of the model. Each has `metrics` by name, entropy in nats, distance in tokens,
    shares of attention from 0 to 1, None where a metric is undefined; `baseline`, the same metrics if attention were
    even under the same mask; `lift`, the ratio of both. `attn heads --explain METRIC` gives each definition and its
    paper.

    Raises DocumentError where the traces hold no weights, or fewer than two tokens; UsageError for a threshold of an
    unknown name or outside 0 to 1.
    """
    least = checked([f"{name}={value}" for name, value in (thresholds or {}).items()])
    return report_of([traces] if isinstance(traces, Trace) else traces, least, period)
