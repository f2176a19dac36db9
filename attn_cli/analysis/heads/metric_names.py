"""Metrics as users name them: a metric, a pattern for all of its metrics, `all`, or `names` for the kinds of heads."""

from dataclasses import dataclass

from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Named:
    """The metrics and kinds of heads to explain."""

    metrics: tuple[str, ...]
    kinds: tuple[str, ...]


BRITISH = {"normalised_entropy": "normalized_entropy"}


def stems() -> tuple[str, ...]:
    """The names of metrics, each pattern once: `previous_token` for its three measures."""
    return tuple(dict.fromkeys(metric.partition(".")[0] for metric in METRICS))


def metric_named(name: str) -> str:
    """A metric by its name; the name of a pattern alone means its `.diag`. UsageError if there is no such metric."""
    name = BRITISH.get(name, name)
    if name in METRICS:
        return name
    if f"{name}.diag" in METRICS:
        return f"{name}.diag"
    hint = did_you_mean(name, [*METRICS, *stems()])
    raise UsageError(f"there is no metric {name!r}", hint=f"{hint}metrics are {', '.join(stems())} (attn manual heads)")


def definitions_named(name: str) -> Named:
    """The metrics and kinds that `all`, `names`, a metric or a pattern stands for."""
    if name == "all":
        return Named(tuple(METRICS), tuple(KINDS))
    if name == "names":
        return Named((), tuple(KINDS))
    metric = metric_named(name)
    stem = name if metric == name else metric.partition(".")[0]
    same = tuple(metric for metric in METRICS if metric == stem or metric.startswith(f"{stem}."))
    return Named(same, tuple(kind for kind in KINDS if kind == stem))
