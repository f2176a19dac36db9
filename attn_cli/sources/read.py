"""gathered(): mean rows of the weights of a text or document, of which nothing else is kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from attn_cli.core.spec import parse_mask
from attn_cli.core.steps import whole
from attn_cli.core.watching import MeanRow, Rows
from attn_cli.errors import DocumentError
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.explain import read, traced
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Array, Layer, Trace

Choose = Callable[[Sequence[str]], Sequence[int]]
"""From the queries' tokens to the queries whose mean is wanted."""

SINK = ("sink_weight",)


class LayerRow(NamedTuple):
    """The mean row of each head of a layer: weights (head, key), True where a key is masked, what the sink took."""

    weights: Array
    masked: Array
    sink: Array | None


class Gathered(NamedTuple):
    """A run of which rows alone were kept: `trace` has layers without stages, `rows` one for each of them.

    `queries` are those whose mean it is. `pieces` are the keys' tokens as the text has them, `text` is that text.
    """

    trace: Trace
    rows: tuple[LayerRow, ...]
    queries: tuple[int, ...]
    pieces: tuple[str, ...]
    text: str | None


def evenly(queries: Sequence[int]) -> Rows:
    """Rows that count alike."""
    return Rows(np.asarray(queries, dtype=np.int64), np.full(len(queries), 1 / max(1, len(queries))))


def gathered(request: Request, choose: Choose, *, layers: str | None = None, heads: str | None = None) -> Gathered:
    """The mean rows of the chosen layers and heads; SelectionError for a head or token that is not there."""
    source = read(request)
    if isinstance(source, Trace):
        trace, means = traced(request, source, layers=layers, heads=heads), []
        for layer in trace.layers:
            means.append(_stored(layer, choose))
    else:
        trace, mean = _watched(request, source, choose, layers, heads)
        means = [mean]
    rows = tuple(row_of(mean, layer) for mean, layer in zip(means, trace.layers, strict=True))
    first = trace.layers[0]
    text = request.context if first.kind == "cross" else request.text or trace.text
    bare = tuple(replace(layer, stages=()) for layer in trace.layers)
    queries = tuple(means[0].rows.queries.tolist())
    return Gathered(replace(trace, layers=bare), rows, queries, first.key_tokens, text)


def row_of(mean: MeanRow, layer: Layer) -> LayerRow:
    """The rows of the heads that a layer holds; the layer's mask tells what is masked where no stage did."""
    held = list(layer.head_index) if mean.shape[0] == layer.heads else slice(None)
    weights = mean.weights[held]
    masked = mean.masked
    if masked is None:
        visible = parse_mask(layer.settings.mask).visible(slice(None), *mean.shape[1:])
        seen = True if visible is None else visible[mean.rows.queries].any(axis=0)
        masked = np.broadcast_to(~np.asarray(seen), weights.shape) & (weights == 0)
    else:
        masked = masked[held] & (weights == 0)
    sink = None
    if "sink_weight" in layer:
        sink = (layer["sink_weight"][:, mean.rows.queries].astype(np.float64) * mean.rows.shares).sum(axis=1)
    return LayerRow(weights, masked, sink)


def _stored(layer: Layer, choose: Choose) -> MeanRow:
    """The mean row of weights that a trace holds."""
    if "weights" not in layer:
        raise DocumentError(f"{layer.name} has no weights", hint="attn read needs them: store the stage weights")
    mean = MeanRow(lambda _: evenly(choose(layer.query_tokens)))
    shape = layer["weights"].shape
    mean.start((shape[0], shape[1], shape[2]))
    for name in ("masked", "weights"):
        if name in layer:
            mean.see(name, whole(mean.shape), layer[name])
    return mean


def _watched(
    request: Request, parameters: Parameters, choose: Choose, layers: str | None, heads: str | None
) -> tuple[Trace, MeanRow]:
    """The trace of parameters without weights, and their mean row."""
    extras, spec = parameters.extras, parameters.spec
    from_start = spec.mask.from_start or parameters.context_tokens is not None

    def rows(count: int) -> Rows:
        tokens = parameters.tokens
        return evenly(choose(tokens[:count] if from_start else tokens[len(tokens) - count :]))

    mean = MeanRow(rows)
    watched = replace(parameters, extras=replace(extras, watch=mean))
    sinks = extras.sinks is not None or "sink_weight" in parameters.given
    trace = traced(request, watched, layers=layers, heads=heads, stages=SINK if sinks else ())
    if "masked" in parameters.given and mean.masked is None:
        mean.see("masked", whole(mean.shape), parameters.given["masked"])
    return trace, mean
