"""From a text or a document to a Trace."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from attn_cli.core.spec import Spec
from attn_cli.errors import DocumentError, SelectionError, did_you_mean
from attn_cli.sources.documents.files import read_bytes
from attn_cli.sources.documents.parameters import Parameters, draw
from attn_cli.sources.documents.settings import within
from attn_cli.sources.remarks import SUMS, remarks, sums_note
from attn_cli.sources.request import Request
from attn_cli.sources.selection import Selection
from attn_cli.sources.tokenizers import tokenize
from attn_cli.sources.whatif import SET_ROWS
from attn_cli.trace.stages import PARTS, STAGES, STAGES_ALSO
from attn_cli.trace.trace import Trace

RANDOM_NOTE = "random weights: the pattern shows how attention works, not what a trained model does"
VERY_NEGATIVE = -1000.0
ALL_STAGES = frozenset(STAGES)


def run(
    request: Request, *, layers: str | None = None, heads: str | None = None, stages: Collection[str] | None = None
) -> Trace:
    """The trace of a request, limited to the given layers, heads (`0`, `-1`, `0-2`, `L3.5`) and stages.

    `stages` None keeps every stage except the parts of scores; ALL_STAGES includes them. SelectionError for a missing
    layer, head or stage.
    """
    check_stages(stages)
    return traced(request, read(request), layers=layers, heads=heads, stages=stages)


def traced(
    request: Request,
    source: Trace | Parameters,
    *,
    layers: str | None = None,
    heads: str | None = None,
    stages: Collection[str] | None = None,
) -> Trace:
    """Like `run`, for the trace or parameters that `read` returned."""
    trace = source if isinstance(source, Trace) else _attended(request, source, stages)
    held = {stage.name for layer in trace.layers for stage in layer.stages}
    if stages is not None and stages is not ALL_STAGES:
        for name in stages:
            if name not in held and (name not in PARTS or not held & set(PARTS)):
                raise _no_stage(source, name, [stage for stage in STAGES if stage in held])
    chosen = Selection(layers, heads, [layer.name for layer in trace.layers])
    layers_kept = (layer for layer in trace.layers if layer.name in chosen.layers)
    return replace(
        trace, layers=tuple(layer.select(chosen.heads(layer.name, layer.heads), stages) for layer in layers_kept)
    )


def _no_stage(source: Trace | Parameters, name: str, held: Sequence[str]) -> SelectionError:
    """The error for a missing stage."""
    if isinstance(source, Trace):
        return SelectionError(f"this trace has no stage {name!r}", hint=f"it has {', '.join(held) or 'other stages'}")
    hint = "attn explain without --stage shows the stages that it has"
    return SelectionError(f"this attention has no stage {name!r}", hint=hint)


def read(request: Request) -> Trace | Parameters:
    """The trace of the document, restarted under changed settings, or parameters for attend()."""
    overrides = request.overrides()
    if request.weights is None:
        without = {"as": request.matrix_stage, "max_bytes": request.max_bytes}
        request.refuse("there is no document", unknown=request.unknown, **without)
        if request.text is None:
            raise DocumentError("there is no text", hint='attn explain "Transformers are amazing", or - to read a pipe')
        tokens = request.kept(tokenize(request.text, request.tokenizer or "word"))
        context = None if request.context is None else tokenize(request.context, request.tokenizer or "word")
        dim = 4 if request.dim is None else request.dim
        random = request.random or "coarse"
        drawn = draw(tokens, Spec(**overrides), request.seed or 0, dim, request.head_dim, context, random)
        return drawn.changed(request.what_if)
    request.refuse("the numbers come from a document", dim=request.dim, head_dim=request.head_dim)
    if request.unknown != "random":
        request.refuse("nothing random is drawn", seed=request.seed, random=request.random)
    if request.text is None and request.context is None:
        request.refuse("there is no TEXT to tokenize", tokenizer=request.tokenizer)
    # Imported here, since random numbers need no reader of documents.
    from attn_cli.sources.documents.to_parameters import read_parameters
    from attn_cli.sources.restart import restart

    document = opened(request).opened
    if not isinstance(document, Trace):
        return read_parameters(request, document, request.name).changed(request.what_if)
    request.refuse("a trace names its stages", **{"as": request.matrix_stage})
    request.refuse("a trace holds no table of tokens", unknown=request.unknown)
    request.refuse("a trace holds all tokens' numbers", without_token=request.what_if.without_tokens or None)
    request.refuse("a trace is already cut into heads", heads=request.heads, kv_heads=request.kv_heads)
    trace = within(request.name, lambda trace: restart(trace, overrides, request.what_if), document)
    return _relabelled(_with_sums(trace), request)


def opened(request: Request) -> Request:
    """The request with its document read, so that several runs can share it; DocumentError where it is wrong."""
    if request.weights is None or request.opened is not None:
        return request
    from attn_cli.sources.documents.reading import from_mapping, is_known, read_document

    if request.document is not None:
        return replace(request, opened=from_mapping(request.document, request.name))
    data = read_bytes(request.weights, max_bytes=request.max_bytes, known=is_known)
    return replace(request, opened=read_document(data, request.name, request.matrix_stage, request.max_bytes))


def _attended(request: Request, parameters: Parameters, stages: Collection[str] | None) -> Trace:
    random = request.weights is None
    layer = parameters.attended(stages) if random else within(request.name, parameters.attended, stages)
    notes = [RANDOM_NOTE] if random else []
    left_out = [f"{name} is left out: the document lacks what it was made of" for name in parameters.left_out]
    bias = parameters.extras.bias
    if bias is not None and bias.min() <= VERY_NEGATIVE:
        notes.append(f"attn_mask adds {bias.min():g} to some scores: that is a bias, not a mask; null or −∞ hides")
    sums = () if any("weights[" in put for put in request.what_if.puts) else sums_note((layer,))
    return Trace(
        tokens=parameters.tokens,
        context_tokens=parameters.context_tokens,
        layers=(layer,),
        source=_source(request),
        text=request.text,
        notes=(*notes, *parameters.notes, *request.what_if.notes, *left_out, *remarks(layer), *sums),
    )


def _with_sums(trace: Trace) -> Trace:
    """The trace with a note on rows of weights that do not sum to 1, unless one of its notes says so."""
    if any(note.startswith((SUMS, SET_ROWS)) for note in trace.notes):
        return trace
    return replace(trace, notes=trace.notes + sums_note(trace.layers))


def _source(request: Request) -> dict[str, Any]:
    """The source of the numbers, as a trace records it."""
    if request.weights is None:
        fine = {"random": "fine"} if request.random == "fine" else {}
        return {"kind": "random", "seed": request.seed or 0, **fine}
    return {"kind": "arrays"} if request.document is not None else {"kind": "document", "path": request.weights}


def check_stages(stages: Collection[str] | None) -> None:
    """Raise SelectionError for an unknown stage."""
    for name in stages or ():
        if name not in STAGES:
            hint = did_you_mean(name, STAGES, also=STAGES_ALSO, cutoff=0.5)
            raise SelectionError(f"there is no stage {name!r}", hint=f"{hint}stages are {', '.join(STAGES)}")


def _relabelled(trace: Trace, request: Request) -> Trace:
    """The trace labeled with the tokens of the text and the context; DocumentError if their number differs."""
    tokens, context = trace.tokens, trace.context_tokens
    if request.text is not None:
        tokens = _as_many(request, request.text, trace.tokens, "TEXT")
    if request.context is not None:
        if context is None:
            request.refuse("the trace has no context", context=request.context)
        context = _as_many(request, request.context, context or (), "--context")
    if tokens is trace.tokens and context is trace.context_tokens:
        return trace

    text = trace.text if request.text is None else request.text
    layers = tuple(layer.labelled(tokens, context or ()) for layer in trace.layers)
    return replace(trace, text=text, tokens=tokens, context_tokens=context, layers=layers)


def _as_many(request: Request, text: str, old: tuple[str, ...], option: str) -> tuple[str, ...]:
    tokens = tokenize(text, request.tokenizer or "word")
    if len(tokens) != len(old):
        raise DocumentError(
            f"{option} has {len(tokens)} token{'s' * (len(tokens) > 1)}, the trace has {len(old)}",
            hint=f"{option} can only relabel a trace: leave it out, or give {len(old)} tokens",
        )
    return tokens
