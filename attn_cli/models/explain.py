"""run_model(): from a text and a checkpoint to a Trace."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import numpy as np

from attn_cli.errors import DocumentError, SelectionError, UsageError
from attn_cli.models.hub import found
from attn_cli.models.model import Model, open_model
from attn_cli.models.naming import layer_names
from attn_cli.models.next import Expected, log_shares
from attn_cli.models.tokenizer import Encoded, open_tokenizer
from attn_cli.models.whatif import changed, left
from attn_cli.models.words import by_word, joined, starts
from attn_cli.sources.explain import check_stages
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.remarks import ADDED, remarks
from attn_cli.sources.selecting import indices
from attn_cli.sources.whatif import WhatIf
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array, Layer, Trace

EVERY_STAGE = frozenset(STAGES) - frozenset(PARTS)


@dataclass(frozen=True)
class ModelRequest:
    """A checkpoint and what to run it on: `model` is a folder, a file or a name; the text, or token ids as 5,17,3.

    `pair` is the second text of an encoder, `target` what a decoder is given. `special` tokens are added as the
    tokenizer adds them; `raw` shows tokens in the model's own spelling, `words` merges them; `next` counts the
    tokens to predict; `what_if` is what is changed of the run.
    """

    model: str
    text: str | None = None
    ids: str | None = None
    target: str | None = None
    target_ids: str | None = None
    pair: str | None = None
    special: bool = True
    raw: bool = False
    words: bool = False
    next: int | None = None
    what_if: WhatIf = field(default=WhatIf())


def run_model(
    request: ModelRequest, *, layers: str | None = None, heads: str | None = None, stages: Collection[str] | None = None
) -> Trace:
    """The trace of a checkpoint: only the layers, heads and stages that are asked for, all stages when None.

    Layers after the last one asked for are neither read nor computed, unless the next tokens are asked for.
    """
    trace, expected = run_to_next(request, layers=layers, heads=heads, stages=stages)
    if expected is None or request.next is None:
        return trace
    return replace(trace, notes=(*trace.notes, _next(expected, request.next)))


def run_to_next(
    request: ModelRequest, *, layers: str | None = None, heads: str | None = None, stages: Collection[str] | None = None
) -> tuple[Trace, Expected | None]:
    """The same, and what the model expects next where the next tokens are asked for."""
    check_stages(stages)
    model, text, target = opened(request)
    wanted = chosen_layers(layers, layer_names(model.architecture))
    kept, state = _streamed(model, text, target, wanted, stages, to_end=request.next is not None)
    kept = [layer.select(indices(heads, layer.heads, "head"), None) for layer in kept]
    missing = [name for name in stages or () if not any(name in layer for layer in kept)]
    if missing and (missing[0] not in PARTS or not any(part in layer for part in PARTS for layer in kept)):
        raise SelectionError(
            f"this model has no stage {missing[0]!r} there", hint="attn explain without --stage shows the stages it has"
        )
    notes = [
        *_notes(request, model, text),
        *request.what_if.notes,
        *(note for layer in kept for note in remarks(layer)),
    ]
    if request.pair is not None and len(kept) == 1 and len(kept[0].head_index) == 1 and "weights" in kept[0]:
        notes.append(_blocks(kept[0]["weights"][0], text))
    expected = None
    if request.next is not None and state is not None:
        expected = expectation(model, state)
    return _shown(request, model, text, target, kept, notes), expected


def opened(request: ModelRequest) -> tuple[Model, Encoded, Encoded]:
    """The model with its changes, what it reads without what is left out, and what its decoder is given."""
    model = open_model(found(request.model))
    text, target = _encoded(request, model)
    return changed(model, request.what_if), left(text, request.what_if), target


def expectation(model: Model, state: Array) -> Expected:
    """What the model expects after the last of its states (token, d_model); SelectionError if it is none to tell."""
    return Expected(log_shares(model.logits(state[-1:])[0]), names_of(model))


def names_of(model: Model) -> Callable[[int], str]:
    """What token ids are called: by their number where the folder has no tokenizer."""
    try:
        tokenizer = open_tokenizer(model.folder)
    except DocumentError:
        return lambda number: f"#{number}"
    return lambda number: tokenizer.named([number]).tokens[0]


def _shown(
    request: ModelRequest, model: Model, text: Encoded, target: Encoded, layers: list[Layer], notes: list[str]
) -> Trace:
    """The trace with its tokens as they are to be shown: as text or raw, piece by piece or by words."""
    decodes = len(model.architecture.stacks) > 1
    sides = [(part.raw if request.raw else part.tokens) for part in (text, target)]
    shown = [_labelled(layer, sides[0], sides[1], decodes) for layer in layers]
    ids: tuple[int, ...] | None = target.ids if decodes else text.ids
    if request.words:
        places = [starts(part) for part in (text, target)]
        shown = [
            by_word(layer, places[_side(layer, decodes, "rows")], places[_side(layer, decodes, "columns")])
            for layer in shown
        ]
        sides = [joined(side, place) for side, place in zip(sides, places, strict=True)]
        notes, ids = [*notes, "pieces merged into words: keys summed, queries averaged"], None
    return Trace(
        tokens=sides[1] if decodes else sides[0],
        token_ids=ids,
        context_tokens=sides[0] if decodes else None,
        layers=tuple(shown),
        source={"kind": "checkpoint", "path": request.model, "model_type": model.model_type},
        text=request.text,
        notes=tuple(dict.fromkeys(notes)),
    )


def _side(layer: Layer, decodes: bool, axis: str) -> int:
    """Whose tokens a layer's rows or columns are: the text's (0), or what the decoder is given (1)."""
    encodes = not decodes or layer.name.startswith("encoder")
    return 0 if encodes or (axis == "columns" and layer.kind == "cross") else 1


def _streamed(
    model: Model,
    text: Encoded,
    target: Encoded,
    wanted: Collection[str],
    stages: Collection[str] | None,
    *,
    to_end: bool,
) -> tuple[list[Layer], Array | None]:
    """The wanted layers, and the last state if the whole model ran."""
    every = EVERY_STAGE if stages is None else frozenset(stages)
    keep = dict.fromkeys(wanted, every)
    stream = model.stream(text.ids, text.tokens, keep, target.ids, target.tokens, text.segments)
    kept: list[Layer] = []
    while to_end or len(kept) < len(wanted):
        try:
            layer = next(stream)
        except StopIteration as end:
            return kept, end.value
        model.tensors.let_go()
        if layer.name in keep:
            kept.append(layer)
    return kept, None


def _encoded(request: ModelRequest, model: Model) -> tuple[Encoded, Encoded]:
    """What the model reads, and what its decoder is given."""
    decodes = len(model.architecture.stacks) > 1
    if not decodes and (request.target is not None or request.target_ids is not None):
        raise UsageError(f"--target cannot act here: {request.model} has no decoder of its own", hint="leave it out")
    tokenizer = None
    if request.text is not None or request.target is not None or request.next is not None:
        tokenizer = open_tokenizer(model.folder)
    if request.ids is not None:
        if request.text is not None:
            raise UsageError("TEXT and --ids are both given", hint="give one of them")
        if request.pair is not None or not request.special:
            option = "--no-special" if request.pair is None else "--pair"
            raise UsageError(f"{option} cannot act here: --ids are the tokens as they are", hint=f"leave {option} out")
        text = _named(model, request.ids, "--ids")
    elif request.text is None or tokenizer is None:
        raise DocumentError("there is no text", hint=f'attn explain -m {request.model} "some words", or --ids 5,17,3')
    elif not request.text.strip():
        raise DocumentError("the text is only blanks" if request.text else "the text is empty", hint="give some words")
    else:
        text = tokenizer.encode(request.text, request.pair, special=request.special)
    if not text.ids:
        raise DocumentError("the text has no tokens", hint="give some words, or leave --no-special out")
    empty = Encoded((), (), (), (), (), ())
    if not decodes:
        return text, empty
    if request.target_ids is not None:
        return text, _named(model, request.target_ids, "--target-ids")
    start = model.start
    if start is None:
        raise DocumentError(f"{model.folder}: config.json names no decoder_start_token_id", hint="give --target-ids")
    own = empty if request.target is None or tokenizer is None else tokenizer.encode(request.target, special=False)
    first = _named(model, str(start), "decoder_start_token_id")
    joined = (one + other for one, other in zip(vars(first).values(), vars(own).values(), strict=True))
    return text, Encoded(*joined)


def _named(model: Model, spelled: str, option: str) -> Encoded:
    """Token ids as a user types them, with their tokens where the folder has a tokenizer."""
    try:
        ids = [int(part) for part in spelled.split(",")]
    except ValueError as error:
        raise UsageError(f"{option}: {spelled!r} is no list of whole numbers", hint="such as 101,7592,102") from error
    try:
        return open_tokenizer(model.folder).named(ids)
    except DocumentError:  # a folder without a tokenizer can still be run on ids
        tokens = tuple(f"#{number}" for number in ids)
        return Encoded(tuple(ids), tokens, tokens, (False,) * len(ids), tuple(range(len(ids))), (0,) * len(ids))


def _labelled(layer: Layer, text: tuple[str, ...], target: tuple[str, ...], decodes: bool) -> Layer:
    """The layer with the tokens as they are to be shown, and which of the trace's tokens those are."""
    sides = [_side(layer, decodes, axis) for axis in ("rows", "columns")]
    rows, columns = ((text, target)[side] for side in sides)
    queries, keys = ("context_tokens" if decodes and not side else "tokens" for side in sides)
    return replace(layer, query_tokens=rows, key_tokens=columns, queries=queries, keys=keys)


def _notes(request: ModelRequest, model: Model, text: Encoded) -> list[str]:
    notes = []
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
    """How one head (query, key) spreads its attention over the two texts of a pair, special tokens with theirs."""
    second = np.array(text.segments) == 1
    names = {"A": ~second, "B": second}
    shares = [
        f"{row}→{column} {100 * weights[mine][:, theirs].sum(axis=1).mean():.0f} %"
        for row, mine in names.items()
        for column, theirs in names.items()
        if mine.any()
    ]
    return f"attention between the texts, mean over queries: {', '.join(shares)}"


def _next(expected: Expected, count: int) -> str:
    """The likeliest next tokens, with their probabilities."""
    likeliest = ((expected.name(number), np.exp(expected.logs[number])) for number in expected.likeliest(count))
    return "next: " + ", ".join(f'"{token}" {100 * share:.1f} %' for token, share in likeliest)
