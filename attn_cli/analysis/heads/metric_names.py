"""Metrics as users name them: one measure, or a pattern for all of its measures; all; or the names of heads."""

from dataclasses import dataclass

from attn_cli.analysis.heads.head_names import KINDS
from attn_cli.analysis.heads.metrics import METRICS
from attn_cli.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Named:
    """Metrics, and kinds of heads, whose definitions are asked for."""

    metrics: tuple[str, ...]
    kinds: tuple[str, ...]


def stems() -> tuple[str, ...]:
    """The names of metrics, each pattern once: `previous_token` for its three measures."""
    return tuple(dict.fromkeys(metric.partition(".")[0] for metric in METRICS))


def metric_named(name: str) -> str:
    """A metric by its name; a pattern's alone means its `.diag`. UsageError where there is none."""
    if name in METRICS:
        return name
    if f"{name}.diag" in METRICS:
        return f"{name}.diag"
    hint = did_you_mean(name, [*METRICS, *stems()])
    raise UsageError(f"there is no metric {name!r}", hint=f"{hint}metrics are {', '.join(stems())} (attn manual heads)")


def definitions_named(name: str) -> Named:
    """What `all`, `names` or a metric means: every metric of that name, and the kind of head, if one is called so."""
    if name == "all":
        return Named(tuple(METRICS), tuple(KINDS))
    if name == "names":
        return Named((), tuple(KINDS))
    stem = metric_named(name).partition(".")[0] if name not in METRICS else name
    same = tuple(metric for metric in METRICS if metric == stem or metric.startswith(f"{stem}."))
    return Named(same, tuple(kind for kind in KINDS if kind == stem))
