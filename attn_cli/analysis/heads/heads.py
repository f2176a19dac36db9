"""heads(): metrics of every head, beside those of an even spread under the same mask; and a name for each head."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

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
    """One head: its metrics, those of an even spread (`baseline`), their ratio (`lift`), its kind and its name.

    A metric is None where it is undefined; so is a lift whose baseline is 0. `evidence` is the share that was compared
    with the kind's threshold, from `queries` queries; a mixed head has neither. `spread` is the standard deviation over
    texts, None for a single text. `sink` is the key that gets the most attention: its position and its token.
    """

    layer: str
    index: int
    head: int
    kind: str
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
    """Every head in the order of the model, the first text's trace, and why some metrics are undefined.

    `lengths` are the token counts of the texts.
    """

    heads: tuple[Head, ...]
    trace: Trace
    lengths: tuple[int, ...]
    undefined: Mapping[str, str]
    notes: tuple[str, ...]


class _LayerFigures(NamedTuple):
    """One layer in one text: each metric for all heads, None where it is undefined."""

    layer: Layer
    metrics: Mapping[str, Array | None]
    baseline: Mapping[str, Array | None]
    evidence: Mapping[str, Evidence]
    sinks: Sequence[tuple[int, str]]


def heads(traces: Iterable[Trace], least: Mapping[str, float], period: int | None = None) -> HeadsReport:
    """Measure every head, averaged over texts; `least` is the threshold of each kind.

    `period` is the length of the sequence that the text repeats, for metrics on repeated tokens. DocumentError for a
    text of fewer than two tokens.
    """
    by_layer: dict[str, list[_LayerFigures]] = {}
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
                    "and a head's behavior shows on two or more",
                    hint="give a longer text",
                )
            if (guess := visible(layer)[1]) is not None:
                notes[guess] = None
            by_layer.setdefault(layer.name, []).append(_layer_figures(layer, observed(trace, layer, period)))
    if first is None or not by_layer:
        raise DocumentError("the input has no weights", hint="give a text, or a document with weights")
    measured = tuple(head for texts in by_layer.values() for head in _heads(texts, least))
    only_cross = all(figures.layer.kind == "cross" for texts in by_layer.values() for figures in texts)
    undefined = {
        name: CROSS if only_cross and name.partition(".")[0] in PATTERNS else metric.missing
        for name, metric in METRICS.items()
        if all(head.metrics[name] is None for head in measured)
    }
    return HeadsReport(measured, first, tuple(lengths), undefined, tuple(notes))


def _layer_figures(layer: Layer, seen: Observed) -> _LayerFigures:
    count = len(seen.weights)

    def measured(weights: Observed) -> dict[str, Array | None]:
        with np.errstate(invalid="ignore", divide="ignore"):  # a head without any attention divides by 0
            figures = {name: metric.measure(weights) for name, metric in METRICS.items()}
        return {name: None if figure is None else np.broadcast_to(figure, (count,)) for name, figure in figures.items()}

    return _LayerFigures(
        layer=replace(layer, stages=()),  # its arrays are not kept: there may be many texts
        metrics=measured(seen),
        baseline=measured(seen.even),
        evidence=evidence(seen),
        sinks=[(position, layer.key_tokens[position]) for position in seen.sink.tolist()],
    )


def _heads(texts: Sequence[_LayerFigures], least: Mapping[str, float]) -> Iterable[Head]:
    """The heads of one layer, over all texts."""
    layer = texts[0].layer
    metrics = {name: _over_texts([text.metrics[name] for text in texts]) for name in METRICS}
    baseline = {name: _over_texts([text.baseline[name] for text in texts]) for name in METRICS}
    shown = {name: _pooled([text.evidence[name] for text in texts if name in text.evidence]) for name in KINDS}
    for row, number in enumerate(layer.head_index):
        measured = {name: None if both is None else float(both[0][row]) for name, both in metrics.items()}
        even = {name: None if both is None else float(both[0][row]) for name, both in baseline.items()}
        shares = {name: (float(kind.share[row]), kind.clear) for name, kind in shown.items() if kind is not None}
        kind = kind_of(shares, least)
        sink = Counter(text.sinks[row] for text in texts).most_common(1)[0][0]
        pooled = None if kind is None else shown[kind]
        yield Head(
            layer=layer.name,
            index=layer.index,
            head=number,
            kind=kind or MIXED,
            name=MIXED if kind is None else KINDS[kind].words.format(sink[1]),
            evidence=None if kind is None else shares[kind][0],
            queries=None if pooled is None else pooled.queries,
            sink=sink,
            metrics=measured,
            baseline=even,
            lift={name: _lift(measured[name], even[name]) for name in METRICS},
            spread=None
            if len(texts) == 1
            else {name: None if both is None else float(both[1][row]) for name, both in metrics.items()},
        )


def _over_texts(figures: Sequence[Array | None]) -> tuple[Array, Array] | None:
    """The mean and the standard deviation over the texts in which a metric is defined; None if it never is."""
    defined = [figure for figure in figures if figure is not None]
    if not defined:
        return None
    stacked = np.stack(defined)
    return stacked.mean(axis=0), stacked.std(axis=0)


def _pooled(by_text: Sequence[Evidence]) -> Evidence | None:
    """The mean evidence of several texts, of the clear ones alone if there are any."""
    kept = [shown for shown in by_text if shown.clear] or list(by_text)
    if not kept:
        return None
    share = np.mean([shown.share for shown in kept], axis=0)
    return replace(kept[0], share=share, queries=sum(shown.queries for shown in kept))


def _lift(figure: float | None, even: float | None) -> float | None:
    return None if figure is None or even is None or even <= 1e-12 else figure / even


def ranked(report: HeadsReport, name: str) -> tuple[Head, ...]:
    """The heads by one metric, the largest first; SelectionError if it is undefined for all heads."""
    if name in report.undefined:
        raise SelectionError(
            f"{name} is undefined here: {report.undefined[name]}",
            hint=METRICS[name].remedy,
        )

    def order(head: Head) -> float:
        figure = head.metrics[name]
        return float("inf") if figure is None else -figure

    return tuple(sorted(report.heads, key=order))
