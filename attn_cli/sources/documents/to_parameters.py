"""Make Parameters from the keys and values of a document."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from attn_cli.core.spec import parse_mask
from attn_cli.errors import AttnError, DocumentError
from attn_cli.sources.changes import ROTATED, check_can_act, still_valid
from attn_cli.sources.documents.arrays import (
    MAY_BE_EMPTY,
    cut_into_heads,
    head_counts,
    read_extras,
    read_projections,
    read_stages,
)
from attn_cli.sources.documents.catalogue import LATER, MATRICES, Document, check_keys, check_start
from attn_cli.sources.documents.layouts import counts_of, laid_out
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.settings import read_spec, within
from attn_cli.sources.documents.stored_weights import (
    any_infinite,
    bits_note,
    empty_as_zero,
    hidden_as_zero,
    hidden_note,
    is_average,
    refuse_average,
)
from attn_cli.sources.documents.usual import renamed
from attn_cli.sources.documents.vectors import filled, look_up, read_table, read_tokens
from attn_cli.sources.request import Request
from attn_cli.sources.tokenizers import tokenize
from attn_cli.trace.files.checker import refuse_nonfinite, sizes_of, to_array
from attn_cli.trace.stages import FORMS, STAGES
from attn_cli.trace.trace import Array

_AFTER_WEIGHTS = ("sink_weight", "head_output", "output")


def read_parameters(request: Request, document: Document, name: str) -> Parameters:
    """The parameters of a document; options override its settings. DocumentError for any mistake in it."""
    document, notes = _normalized(request, document, name)
    check_keys(document, name)
    check_start(document, name)
    overrides = request.overrides()
    stages, more = _settled(request, document, name, read_stages(document, name, nonfinite=request.allow_nonfinite))
    counts = head_counts(stages, document)
    stored = read_spec(document, name, {}, counts)
    given = {
        stage: to_array(document[key], f"{name}: {key}", (2,))
        for key, stage in (("X", "embedded"), ("X_context", "embedded_context"))
        if key in document
    }
    table = read_table(document, name) if "embeddings" in document else None
    without = request.what_if.without_tokens or None
    if table is None:
        request.refuse("the document has no table of tokens", unknown=request.unknown, without_token=without)
    elif stages:
        request.refuse(f"the document holds all tokens' {next(iter(stages))}", without_token=without)
    tokens, context = _labels(request, document, name, given | stages)
    tokens = request.kept(tokens)
    if table is not None:
        seed, random = request.seed or 0, request.random or "coarse"
        looked_up = context if context is not None and "X_context" not in document else ()
        table = filled(table, (*tokens, *looked_up), name, unknown=request.unknown, seed=seed, random=random)
        given["embedded"] = look_up(table, tokens)
        if looked_up:
            given["embedded_context"] = look_up(table, looked_up)
    elif request.context is not None and not {"X_context", *LATER} & set(document):
        request.refuse("the document has X, not a table of tokens", context=request.context)
    given |= stages
    check_can_act(overrides, given, MATRICES.keys() & document.keys(), stored)
    if cut_into_heads(document):
        request.refuse("the matrices are cut into heads already", heads=request.heads, kv_heads=request.kv_heads)
    spec = read_spec(document, name, overrides, counts)
    projections = read_projections(document, name, spec)
    queries, _ = _sizes(given, context is not None)
    extras, added = read_extras(document, name, queries or len(tokens))
    changed: tuple[str, ...] = ()
    if "positions" in overrides and extras.rotary_frequencies is not None:
        # The frequencies belong to the document's position scheme.
        extras, changed = replace(extras, rotary_frequencies=None), ROTATED
    given = still_valid(given, projections.given(), stored, spec, changed=changed)
    notes = (*notes, *more, *added, *bits_note(document))
    return Parameters(tokens, given, projections, spec, extras, context, table, notes=notes)


def _normalized(request: Request, document: Document, name: str) -> tuple[Document, tuple[str, ...]]:
    """The document in attn's names and layouts, and notes on renamed and transposed arrays."""
    document, notes = renamed(document, name)
    tokens, context = (read_tokens(document, name, key) for key in ("tokens", "context_tokens"))
    if request.text is not None:
        tokens = tokenize(request.text, request.tokenizer or "word")
    if request.context is not None:
        context = tokenize(request.context, request.tokenizer or "word")
    counts = counts_of(document, None if tokens is None else len(tokens), None if context is None else len(context))
    document, exchanged = laid_out(document, counts)
    return document, (*notes, *exchanged)


def _settled(
    request: Request, document: Document, name: str, stages: dict[str, Array]
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The stages with 0 for NaN where the mask hides, and notes on that; DocumentError for other NaN.

    An average over heads is refused. Where NaN is allowed, all of it stays.
    """
    notes: list[str] = []
    hidden: Array | None = None
    if "weights" in stages:
        stated = document.get("heads")
        counts = [len(stages[form]) for form in FORMS["Q"] if form in stages]
        heads = max([*counts, stated if isinstance(stated, int) else 1])
        if is_average(stages, heads):
            refuse_average(stages["weights"], _by_head(document, name), heads, name)
    empty = [] if request.allow_nonfinite else [stage for stage in MAY_BE_EMPTY if stage in stages]
    if not all(np.isfinite(stages[stage]).all() for stage in empty):
        hidden = _hidden(document, name, stages)
    settled = dict(stages)
    for stage in empty:
        read = hidden_as_zero if stage == "weights" else empty_as_zero
        settled[stage], count = read(stages[stage], hidden)
        notes += hidden_note(stage, count)
        flat = len(sizes_of(document[stage])) <= 2 < settled[stage].ndim
        refuse_nonfinite(settled[stage][0] if flat else settled[stage], f"{name}: {stage}")
    if isinstance(document.get("masked"), list) and any_infinite(document["masked"]):
        notes.append("masked: -Infinity hides a cell, as null does")
    return settled, tuple(notes)


def _by_head(document: Document, name: str) -> Array | None:
    """The weights of each head, computed from the rest of the document; None if that fails."""
    rest = {key: value for key, value in document.items() if key not in ("weights", *_AFTER_WEIGHTS)}
    try:
        return read_parameters(Request(weights=name), rest, name).attended(("weights",))["weights"]
    except AttnError:
        return None


def _hidden(document: Document, name: str, stages: Mapping[str, Array]) -> Array | None:
    """True (query, key) or (head, query, key) where the document's mask hides; None without a mask."""
    hidden: Array | None = None
    queries, keys = _sizes(stages, cross=False)
    shape = (queries, keys)
    spelled = document.get("mask")
    if isinstance(spelled, str):
        visible = within(name, lambda text: parse_mask(text).visible(slice(None), *shape), spelled)
        hidden = np.zeros(shape, bool) if visible is None else ~visible
    if "attn_mask" in document:
        extras, _ = read_extras(document, name, queries)
        if extras.hidden is not None and extras.hidden.shape[-2:] == shape:
            hidden = extras.hidden if hidden is None else hidden | extras.hidden
    return hidden


def _labels(
    request: Request, document: Document, name: str, arrays: Mapping[str, Array]
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The tokens, and the context's tokens in cross-attention; positions replace missing tokens."""
    tokens = read_tokens(document, name)
    context = read_tokens(document, name, "context_tokens")
    if request.text is not None:
        tokens = tokenize(request.text, request.tokenizer or "word")
    if request.context is not None:
        context = tokenize(request.context, request.tokenizer or "word")
    cross = context is not None or "X_context" in document
    if tokens is None and "embeddings" in document:
        raise DocumentError(f"{name}: has no tokens, and there is no TEXT", hint=f'attn explain -w {name} "some words"')
    queries, keys = _sizes(arrays, cross)
    if tokens is None:
        tokens = tuple(map(str, range(queries if cross else max(queries, keys))))
    if cross and context is None:
        context = tuple(map(str, range(keys)))
    return tokens, context


def _sizes(arrays: Mapping[str, Array], cross: bool) -> tuple[int, int]:
    """The numbers of queries and keys in the arrays; 0 if they show none."""
    sizes = {"query": 0, "key": 0}
    for name, array in arrays.items():
        if name == "embedded_context":
            sizes["key"] = len(array)
            continue
        kind = STAGES[name]
        axes = [axis for axis in (kind.heads, kind.rows, kind.columns) if axis is not None]
        if len(axes) == array.ndim:
            sizes |= {axis: size for axis, size in zip(axes, array.shape, strict=True) if axis in sizes}
    return sizes["query"], sizes["key"] if cross or sizes["key"] else sizes["query"]
