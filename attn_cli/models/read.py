"""read_model(): mean rows of a checkpoint's weights on a text, of which nothing else is kept."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from attn_cli.core.watching import MeanRow, Rows
from attn_cli.errors import SelectionError
from attn_cli.models.explain import expectation, next_note, notes_of, shown, side_of, streamed
from attn_cli.models.layer_names import layer_names
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.tokenizers.words import starts, words_of
from attn_cli.sources.read import SINK, Choose, Gathered, LayerRow, evenly, row_of
from attn_cli.sources.selection import Selection
from attn_cli.trace.addresses import address


def read_model(
    request: ModelRequest, choose: Choose, *, layers: str | None = None, heads: str | None = None
) -> Gathered:
    """The mean rows of the chosen layers and heads; layers after the last one are neither read nor computed.

    All layers need the same queries and keys: without `layers` and `heads` those of an encoder are taken, a choice of
    several kinds raises SelectionError.
    """
    model, text, target = open_request(request)
    decodes = len(model.architecture.stacks) > 1
    chosen = Selection(layers, heads, layer_names(model.architecture))
    wanted = _alike(chosen.layers, decodes=decodes, chosen=layers is not None or heads is not None)
    asks, keys = ((text, target)[side] for side in _sides(wanted[0], decodes=decodes))
    rows = _rows(request, asks, choose)
    means = {name: MeanRow(lambda _: rows) for name in wanted}
    to_end = request.next is not None
    kept, state = streamed(model, text, target, wanted, SINK, to_end=to_end, progress=request.progress, watch=means)
    kept = [layer.select(chosen.heads(layer.name, layer.heads), None) for layer in kept]
    found = tuple(_merged(request, row_of(means[layer.name], layer), keys) for layer in kept)
    bare = [replace(layer, stages=()) for layer in kept]
    notes = [*notes_of(request, model, text), *request.what_if.notes]
    if request.next is not None and state is not None:
        notes.append(next_note(expectation(model, state, request.opened.token), request.next))
    trace = shown(request, model, text, target, bare, notes)
    style = None if request.raw else request.opened.style
    pieces = words_of(keys, starts(keys), style) if request.words else _pieces(keys)
    of_text = request.text if keys is text else request.target
    if request.pair is not None and of_text is not None:
        of_text = f"{of_text}\n{request.pair}"
    queries = choose(trace.layers[0].query_tokens)
    return Gathered(trace, found, tuple(queries), pieces, of_text)


def _sides(name: str, *, decodes: bool) -> tuple[int, int]:
    kind = "cross" if name.endswith(".cross") else "self"
    first, second = (side_of(name, kind, axis, decodes=decodes) for axis in ("rows", "columns"))
    return first, second


def _alike(names: Sequence[str], *, decodes: bool, chosen: bool) -> list[str]:
    """The layers whose queries and keys are the same tokens as those of the first."""
    first = _sides(names[0], decodes=decodes)
    alike = [name for name in names if _sides(name, decodes=decodes) == first]
    if chosen and len(alike) < len(names):
        other = next(name for name in names if name not in alike)
        raise SelectionError(
            f"{address(alike[0])} and {address(other)} read different texts",
            hint="choose layers of one kind: E, D or X",
        )
    return alike


def _rows(request: ModelRequest, asks: Encoded, choose: Choose) -> Rows:
    """The pieces whose mean is wanted: of several words, each word counts alike."""
    if not request.words:
        return evenly(choose(asks.raw if request.raw else asks.tokens))
    ends = [*starts(asks), len(asks.ids)]
    spans = list(pairwise(ends))
    words = choose(words_of(asks, ends[:-1], None if request.raw else request.opened.style))
    queries = [range(*spans[word]) for word in words]
    shares = [1 / len(span) / len(words) for span in queries for _ in span]
    return Rows(np.array([piece for span in queries for piece in span], dtype=np.int64), np.array(shares))


def _merged(request: ModelRequest, row: LayerRow, keys: Encoded) -> LayerRow:
    """The row by words, where pieces are to be merged: their weights are summed."""
    if not request.words:
        return row
    places = starts(keys)
    summed = np.add.reduceat(row.weights, places, axis=1)
    return LayerRow(summed, np.logical_and.reduceat(row.masked, places, axis=1), row.sink)


def _pieces(keys: Encoded) -> tuple[str, ...]:
    """The tokens of the keys as text, a continuation of a word as `##ing` where no space tells words apart."""
    joined = [
        word is not None and word == before for before, word in zip((None, *keys.words), keys.words, strict=False)
    ]
    spaced = any(token[:1].isspace() for token in keys.tokens)
    if spaced:
        return keys.tokens
    return tuple(f"##{token}" if follows else token for token, follows in zip(keys.tokens, joined, strict=True))
