"""heads(): what each head does, in figures, beside an even spread under the same mask; and what it is called."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attn_cli.analysis.heads.head_names import KINDS, Evidence, evidence, kind_of
from attn_cli.analysis.heads.metrics import CROSS, METRICS
from attn_cli.analysis.heads.observed import Observed, observed, visible
from attn_cli.analysis.heads.patterns import PATTERNS
from attn_cli.errors import DocumentError, SelectionError
from attn_cli.trace.trace import Array, Layer, Trace

Figures = Mapping[str, float | None]
MIXED = "mixed"


@dataclass(frozen=True)
class Head:
    """One head: its figures, what an even spread gets, the ratio of both (`lift`), and what it is called.

    A figure is None where it is undefined, a lift also where the even spread gets nothing. `evidence` is the share that
    was held against the kind's threshold, from `queries` queries; a mixed head has neither. `spread` is the standard
    deviation over texts, None of one text. `sink` is the key that takes most, its place and its token.
    """

    layer: str
    index: int
    head: int
    name: str
    evidence: float | None
    queries: int | None
    sink: tuple[int, str]
    metrics: Figures
    baseline: Figures
    lift: Figures
    spread: Figures | None

    @property
    def title(self) -> str:
        """The name with its figure: `previous token 0.99`."""
        return self.name if self.evidence is None else f"{self.name} {self.evidence:.2f}"


@dataclass(frozen=True)
class HeadsReport:
    """Every head in the order of the model; the first text's trace, for where it came from; what is undefined, and why.

    `lengths` are the tokens of each text.
    """

    heads: tuple[Head, ...]
    trace: Trace
    lengths: tuple[int, ...]
    undefined: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """One layer in one text: each figure for all heads, None where it is undefined."""

    layer: Layer
    metrics: Mapping[str, Array | None]
    baseline: Mapping[str, Array | None]
    evidence: Mapping[str, Evidence]
    sinks: Sequence[tuple[int, str]]


def heads(traces: Iterable[Trace], least: Mapping[str, float], period: int | None = None) -> HeadsReport:
    """The figures of every head, averaged over texts; `least` is the threshold of each kind.

    `period` is the length of what is said twice, for metrics on repeated tokens. DocumentError for fewer than two
    tokens.
    """
    by_layer: dict[str, list[_Seen]] = {}
    first: Trace | None = None
    lengths: list[int] = []
    notes: dict[str, None] = {}
    for trace in traces:
        first = first or trace
        lengths.append(len(trace.tokens))
        notes |= dict.fromkeys(trace.notes)
        for layer in trace.layers:
            if "weights" not in layer:
                continue
            if len(layer.key_tokens) < 2:
                raise DocumentError(
                    f"{layer.name if trace.text is None else repr(trace.text)} has one token, "
                    "and what a head does shows on two or more",
                    hint="give a longer text",
                )
            if (guessed := visible(layer)[1]) is not None:
                notes[guessed] = None
            by_layer.setdefault(layer.name, []).append(_seen(layer, observed(trace, layer, period)))
    if first is None or not by_layer:
        raise DocumentError("there are no weights to look at", hint="give a text, or a document with weights")
    found = tuple(head for seen in by_layer.values() for head in _heads(seen, least))
    across = all(one.layer.kind == "cross" for seen in by_layer.values() for one in seen)
    undefined = {
        name: CROSS if across and name.partition(".")[0] in PATTERNS else metric.missing
        for name, metric in METRICS.items()
        if all(head.metrics[name] is None for head in found)
    }
    return HeadsReport(found, first, tuple(lengths), undefined, tuple(notes))


def _seen(layer: Layer, seen: Observed) -> _Seen:
    count = len(seen.weights)

    def measured(which: Observed) -> dict[str, Array | None]:
        with np.errstate(invalid="ignore", divide="ignore"):  # a head that attends to nothing has shares of nothing
            figures = {name: metric.measure(which) for name, metric in METRICS.items()}
        return {name: None if one is None else np.broadcast_to(one, (count,)) for name, one in figures.items()}

    return _Seen(
        layer=replace(layer, stages=()),  # its arrays are not kept: there may be many texts
        metrics=measured(seen),
        baseline=measured(seen.even),
        evidence=evidence(seen),
        sinks=[(place, layer.key_tokens[place]) for place in seen.sink.tolist()],
    )


def _heads(seen: Sequence[_Seen], least: Mapping[str, float]) -> Iterable[Head]:
    """The heads of one layer, over all texts."""
    layer = seen[0].layer
    metrics = {name: _over_texts([one.metrics[name] for one in seen]) for name in METRICS}
    baseline = {name: _over_texts([one.baseline[name] for one in seen]) for name in METRICS}
    shown = {name: _pooled([one.evidence[name] for one in seen if name in one.evidence]) for name in KINDS}
    for place, number in enumerate(layer.head_index):
        own = {name: None if both is None else float(both[0][place]) for name, both in metrics.items()}
        even = {name: None if both is None else float(both[0][place]) for name, both in baseline.items()}
        shares = {name: (float(one.share[place]), one.clear) for name, one in shown.items() if one is not None}
        kind = kind_of(shares, least)
        sink = Counter(one.sinks[place] for one in seen).most_common(1)[0][0]
        pooled = None if kind is None else shown[kind]
        yield Head(
            layer=layer.name,
            index=layer.index,
            head=number,
            name=MIXED if kind is None else KINDS[kind].words.format(sink[1]),
            evidence=None if kind is None else shares[kind][0],
            queries=None if pooled is None else pooled.queries,
            sink=sink,
            metrics=own,
            baseline=even,
            lift={name: _lift(own[name], even[name]) for name in METRICS},
            spread=None
            if len(seen) == 1
            else {name: None if both is None else float(both[1][place]) for name, both in metrics.items()},
        )


def _over_texts(figures: Sequence[Array | None]) -> tuple[Array, Array] | None:
    """The mean and the standard deviation over the texts in which a figure is defined, None where in none."""
    defined = [figure for figure in figures if figure is not None]
    if not defined:
        return None
    stacked = np.stack(defined)
    return stacked.mean(axis=0), stacked.std(axis=0)


def _pooled(found: Sequence[Evidence]) -> Evidence | None:
    """The mean evidence of several texts, of the clear ones if there are any."""
    kept = [one for one in found if one.clear] or list(found)
    if not kept:
        return None
    share = np.mean([one.share for one in kept], axis=0)
    return replace(kept[0], share=share, queries=sum(one.queries for one in kept))


def _lift(figure: float | None, even: float | None) -> float | None:
    return None if figure is None or even is None or even <= 1e-12 else figure / even


def ranked(report: HeadsReport, name: str) -> tuple[Head, ...]:
    """The heads by one metric, the largest first; SelectionError where it is undefined for all of them."""
    if name in report.undefined:
        raise SelectionError(
            f"{name} is undefined here: {report.undefined[name]}",
            hint=METRICS[name].remedy,
        )

    def order(head: Head) -> float:
        figure = head.metrics[name]
        return float("inf") if figure is None else -figure

    return tuple(sorted(report.heads, key=order))
