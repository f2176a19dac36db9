"""From a text and a checkpoint to a Trace."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attn_cli.errors import SelectionError
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.network.forward import Watching
from attn_cli.models.request import ModelRequest, Progress, open_request
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.tokenizers.unknown import unknown_notes
from attn_cli.models.tokenizers.words import by_word, starts, words_of
from attn_cli.sources.explain import check_stages
from attn_cli.sources.remarks import ADDED, remarks
from attn_cli.sources.selection import Selection
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array, Layer, Trace

if TYPE_CHECKING:
    from attn_cli.models.next_token import Expected

EVERY_STAGE = frozenset(STAGES) - frozenset(PARTS)


def run_model(
    request: ModelRequest, *, layers: str | None = None, heads: str | None = None, stages: Collection[str] | None = None
) -> Trace:
    """The trace of a checkpoint with the requested layers, heads and stages; None for `stages` means all.

    Layers after the last requested one are neither read nor computed, unless the request asks for next tokens.
    """
    trace, expected = run_to_next(request, layers=layers, heads=heads, stages=stages)
    if expected is None or request.next is None:
        return trace
    return replace(trace, notes=(*trace.notes, next_note(expected, request.next)))


def run_to_next(
    request: ModelRequest, *, layers: str | None = None, heads: str | None = None, stages: Collection[str] | None = None
) -> "tuple[Trace, Expected | None]":
    """Like `run_model`, with the distribution of the next token if the request asks for next tokens."""
    check_stages(stages)
    model, text, target = open_request(request)
    chosen = Selection(layers, heads, layer_names(model.architecture))
    kept, state = streamed(
        model, text, target, chosen.layers, stages, to_end=request.next is not None, progress=request.progress
    )
    kept = [layer.select(chosen.heads(layer.name, layer.heads), None) for layer in kept]
    missing = [name for name in stages or () if not any(name in layer for layer in kept)]
    if missing and (missing[0] not in PARTS or not any(part in layer for part in PARTS for layer in kept)):
        raise SelectionError(
            f"this model has no stage {missing[0]!r} there", hint="attn explain without --stage shows the stages it has"
        )
    notes = [
        *notes_of(request, model, text),
        *request.what_if.notes,
        *(note for layer in kept for note in remarks(layer)),
    ]
    if request.pair is not None and len(kept) == 1 and len(kept[0].head_index) == 1 and "weights" in kept[0]:
        notes.append(_blocks(kept[0]["weights"][0], text))
    expected = None
    if request.next is not None and state is not None:
        expected = expectation(model, state, request.opened.token)
    return shown(request, model, text, target, kept, notes), expected


def expectation(model: Model, state: Array, token: Callable[[int], str]) -> "Expected":
    """The distribution of the next token after the last state (token, d_model); `token` gives the token of an id.

    SelectionError if the model is not a language model.
    """
    from attn_cli.models.next_token import Expected, log_shares

    return Expected(log_shares(model.logits(state[-1:])[0]), token)


def shown(
    request: ModelRequest, model: Model, text: Encoded, target: Encoded, layers: list[Layer], notes: list[str]
) -> Trace:
    """The trace with the requested labels: as text or raw, per token or merged into words."""
    decodes = len(model.architecture.stacks) > 1
    sides = [(part.raw if request.raw else part.tokens) for part in (text, target)]
    labelled = [_labelled(layer, sides[0], sides[1], decodes) for layer in layers]
    ids: tuple[int, ...] | None = target.ids if decodes else text.ids
    if request.words:
        style = None if request.raw else request.opened.style
        word_starts = [starts(part) for part in (text, target)]
        sides = [words_of(part, first, style) for part, first in zip((text, target), word_starts, strict=True)]
        axes = [_axes(layer, decodes=decodes) for layer in labelled]
        labelled = [
            by_word(layer, word_starts[rows], word_starts[columns], (sides[rows], sides[columns]))
            for layer, (rows, columns) in zip(labelled, axes, strict=True)
        ]
        notes, ids = [*notes, "pieces merged into words: keys summed, queries averaged"], None
    return Trace(
        tokens=sides[1] if decodes else sides[0],
        token_ids=ids,
        context_tokens=sides[0] if decodes else None,
        layers=tuple(labelled),
        source={"kind": "checkpoint", "path": request.model, "model_type": model.model_type},
        text=request.text,
        notes=tuple(dict.fromkeys(notes)),
    )


def side_of(name: str, kind: str, axis: str, *, decodes: bool) -> int:
    """The text whose tokens label a layer's rows or columns: 0 is the text, 1 the decoder's text."""
    encodes = not decodes or name.startswith("encoder")
    return 0 if encodes or (axis == "columns" and kind == "cross") else 1


def _axes(layer: Layer, *, decodes: bool) -> tuple[int, int]:
    """The sides of a layer's rows and of its columns."""
    rows, columns = (side_of(layer.name, layer.kind, axis, decodes=decodes) for axis in ("rows", "columns"))
    return rows, columns


def streamed(
    model: Model,
    text: Encoded,
    target: Encoded,
    wanted: Collection[str],
    stages: Collection[str] | None,
    *,
    to_end: bool,
    progress: Progress,
    watch: Watching | None = None,
) -> tuple[list[Layer], Array | None]:
    """The wanted layers, and the last state (token, d_model) if the whole model ran.

    `progress` is told how many layers are done.
    """
    names = layer_names(model.architecture)
    total = len(names) if to_end else 1 + max((names.index(name) for name in wanted), default=-1)
    progress("layers", done := 0, total)
    stages_to_keep = EVERY_STAGE if stages is None else frozenset(stages)
    keep = dict.fromkeys(wanted, stages_to_keep)
    stream = model.stream(text.ids, text.tokens, keep, target.ids, target.tokens, text.segments, watch)
    kept_layers: list[Layer] = []
    while to_end or len(kept_layers) < len(wanted):
        try:
            layer = next(stream)
        except StopIteration as end:
            return kept_layers, end.value
        progress("layers", done := done + 1, total)
        if layer.name in keep:
            kept_layers.append(layer)
    return kept_layers, None


def _labelled(layer: Layer, text: tuple[str, ...], target: tuple[str, ...], decodes: bool) -> Layer:
    """The layer with its labels, and the names of the trace's tokens that they come from."""
    sides = _axes(layer, decodes=decodes)
    rows, columns = ((text, target)[side] for side in sides)
    queries, keys = ("context_tokens" if decodes and not side else "tokens" for side in sides)
    return replace(layer, query_tokens=rows, key_tokens=columns, queries=queries, keys=keys)


def notes_of(request: ModelRequest, model: Model, text: Encoded) -> list[str]:
    notes = list(model.notes)
    if request.text is not None:
        notes += unknown_notes(text, request.text, request.opened.tokenizer)
    if any(text.special):
        added = dict.fromkeys(token for token, special in zip(text.raw, text.special, strict=True) if special)
        notes.append(ADDED + ", ".join(added))
    if request.pair is not None:
        first = sum(segment == 0 for segment in text.segments)
        notes.append(f"A is tokens 0–{first - 1}, B is tokens {first}–{len(text.ids) - 1}")
    stack = model.architecture.stacks[0]
    if stack.max_positions is not None and len(text.ids) > stack.max_positions:
        notes.append(f"{len(text.ids)} tokens, and the model was made for {stack.max_positions}")
    return notes


def _blocks(weights: Array, text: Encoded) -> str:
    """The shares of attention of one head (query, key) between the texts of a pair, as a note."""
    second = np.array(text.segments) == 1
    names = {"A": ~second, "B": second}
    shares = [
        f"{row}→{column} {100 * weights[queries][:, keys].sum(axis=1).mean():.0f} %"
        for row, queries in names.items()
        for column, keys in names.items()
        if queries.any()
    ]
    return f"attention between the texts, mean over queries: {', '.join(shares)}"


def next_note(expected: "Expected", count: int) -> str:
    """The likeliest next tokens with their probabilities, as a note."""
    likeliest = ((expected.name(number), np.exp(expected.logs[number])) for number in expected.likeliest(count))
    return "next: " + ", ".join(f'"{token}" {100 * share:.1f} %' for token, share in likeliest)
