"""From a trace, or a document, to the dumps of its layers: what is stored and what is declared, nothing computed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.analysis.check.computing.recipe import MADE, STEPS, Recipe
from attn_cli.analysis.check.computing.rounding import precisions, roundings
from attn_cli.analysis.check.declaring import declared_norms, declared_positions, declared_recipe, with_heads
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.analysis.check.revealing import as_stages_show, source_of
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions, parse_scale, parse_softcap
from attn_cli.errors import DocumentError
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array, Layer, Settings, Stage, Trace, aligned

_SETTINGS = ("mask", "positions", "scale", "softcap")


def dumps(
    read: Trace | Parameters, declared: Mapping[str, Any], stated: Iterable[str], averaged: Mapping[str, Array]
) -> Iterator[Dump]:
    """The layers of a trace or a document, one at a time; `declared` settings stand before their own.

    `stated` are the keys of a document; `averaged` holds, by the layer's name, weights of one matrix for many heads.
    """
    if isinstance(read, Parameters):
        yield as_stages_show(_from_parameters(read, declared, frozenset(stated)), averaged)
        return
    for layer in read.layers:
        yield as_stages_show(_from_layer(layer, read, declared), averaged)


def _from_layer(layer: Layer, trace: Trace, declared: Mapping[str, Any]) -> Dump:
    settings = layer.settings
    spec = Spec(
        heads=layer.heads,
        kv_heads=layer.kv_heads,
        mask=parse_mask(settings.mask),
        positions=parse_positions(settings.positions),
        scale=parse_scale(settings.scale),
        softcap=None if settings.softcap is None else parse_softcap(settings.softcap),
    )
    spec = replace(spec, **declared)
    formulas = {stage.name: stage.formula for stage in layer.stages if stage.formula}
    stored = {stage.name: stage.array for stage in layer.stages if stage.name not in PARTS}
    stated = layer.stated if layer.stated is not None and not formulas else frozenset(_SETTINGS)
    dump = _dump(layer, stored, spec, frozenset(stated) | frozenset(declared), Extras())
    dump = replace(dump, unsure=_unsure(formulas, stored, trace, settings.positions))
    if "attn_mask" in formulas.get("masked", ""):
        where = np.isneginf(stored["masked"])
        dump = replace(dump, hidden=where, stated=dump.stated | {"attn_mask"})
    if "sink_weight" in stored or "sink" in formulas.get("weights", ""):
        dump = replace(dump, recipe=replace(dump.recipe, left=True))
    return replace(dump, recipe=replace(dump.recipe, steps=_order(stored if formulas else ())))


def _unsure(formulas: Mapping[str, str], stored: Mapping[str, Array], trace: Trace, positions: str) -> frozenset[str]:
    """The steps that acted, by the formulas of attn's own trace, and whose numbers the trace does not hold."""
    if not formulas:
        return frozenset({"output"})
    sources = {source_of(formulas[name], name) for name in formulas if name in (*CHAIN, "weights")}
    lacking = {source for source in sources if source is not None and source not in stored}
    unsure = {"output"} if "W_O" in formulas.get("output", "W_O") else set()
    unsure |= {"mask", "bias"} if lacking & {"biased", "masked"} else set()
    unsure |= {"bias"} if "attn_mask" in formulas.get("biased", "") else set()
    if "weights" not in stored:  # whose formula would name the steps before it
        unsure |= {"sinks"} if "sink_weight" not in stored else set()
        unsure |= {"mask"} if "masked" not in stored else set()
        unsure |= {"bias"} if not {"biased", "masked"} & set(stored) else set()
    if trace.source.get("kind") == "document":  # positions and rotary frequencies of a document are not in its trace
        unsure |= {"rotate"} if any("_rotated" in name for name in formulas) else set()
        unsure |= {"bias"} if positions == "alibi" else set()
    used = set(re.findall(r"[QK](?:_[a-z]+)?", formulas.get("scores", "")))
    known = used and trace.source.get("kind") != "checkpoint"
    unsure |= {"rotate"} if not known or any("_rotated" in form and form not in stored for form in used) else set()
    unsure |= {"norm"} if not known or any("_normed" in form and form not in stored for form in used) else set()
    return frozenset(unsure)


def _order(stored: Iterable[str]) -> tuple[str, ...]:
    """The steps on scores in the order of the stored stages; the usual order for what is not stored."""
    steps = {stage: step for step, stage in MADE.items()}
    there = [steps[name] for name in stored if name in steps]
    if there == [step for step in STEPS if step in there]:
        return STEPS
    return (*there, *(step for step in STEPS if step not in there))


def _from_parameters(read: Parameters, declared: Mapping[str, Any], keys: frozenset[str]) -> Dump:
    spec = replace(read.spec, **declared)
    late = {name: array for name, array in read.given.items() if name in STAGES and not name.startswith(("X", "em"))}
    queries, columns = _sizes(late)
    cross = read.context_tokens is not None
    tokens = read.tokens
    queries = len(tokens) if queries is None else queries
    columns = len(read.context_tokens or tokens) if columns is None else columns
    _check_sizes(read, queries, columns)
    from_start = spec.mask.from_start or cross
    stages = tuple(Stage(name, array) for name, array in read.given.items() if name in STAGES)
    layer = Layer(
        stages=stages,
        query_tokens=aligned(tokens, queries, from_start=from_start),
        key_tokens=aligned(read.context_tokens or tokens, columns, from_start=from_start),
        heads=spec.heads,
        kv_heads=spec.key_heads,
        head_index=tuple(range(spec.heads)),
        kv_head_index=tuple(range(spec.key_heads)),
        settings=Settings(**{**vars(spec.settings(None)), "dtype": spec.dtype}),
        kind="cross" if cross else "self",
    )
    stated = frozenset(keys) | frozenset(declared)
    matrices = {name: array.astype(np.float64) for name, array in read.projections.given().items()}
    return _dump(layer, dict(read.given), spec, stated, read.extras, matrices)


def _check_sizes(read: Parameters, queries: int, keys: int) -> None:
    """Raise DocumentError where attn_mask or X has another number of queries or keys than the layer."""
    for array in (read.extras.hidden, read.extras.bias):
        if array is not None and array.shape[-2:] != (queries, keys):
            rows, columns = array.shape[-2:]
            raise DocumentError(
                f"attn_mask is {rows}×{columns}, and there are {queries} queries and {keys} keys",
                hint="give it a row for each query and a column for each key",
            )
    x = read.given.get("X", read.given.get("embedded"))
    context = read.given.get("X_context", read.given.get("embedded_context", x))
    if x is not None and context is not None and (len(x) < queries or len(context) != keys):
        message = f"X gives {len(x)} queries and {len(context)} keys, and the later stages have {queries} and {keys}"
        raise DocumentError(message, hint="store X and the stages of the same tokens")


def _sizes(stored: Mapping[str, Array]) -> tuple[int | None, int | None]:
    """How many queries and keys the stages hold; DocumentError where they do not agree.

    Queries may be more than the rows of later stages: then only the last of them were stored on.
    """
    rows: dict[str, tuple[str, int]] = {}
    for name, array in stored.items():
        kind = STAGES[name]
        axes = [*([kind.heads] if kind.heads else []), kind.rows, *([kind.columns] if kind.columns else [])]
        for axis, size in zip(axes, array.shape, strict=True):
            own = f"{axis} of Q" if axis == "query" and name[0] == "Q" else axis
            if axis == "feature":
                continue
            first, known = rows.setdefault(own, (name, size))
            if size != known:
                message = f"{name} has {size} {axis} rows, and {first} has {known}"
                raise DocumentError(message, hint="the stages of one layer share heads, queries and keys")
    of_queries, later = rows.get("query of Q"), rows.get("query")
    if of_queries and later and later[1] > of_queries[1]:
        message = f"{later[0]} has {later[1]} queries, and {of_queries[0]} has {of_queries[1]}"
        raise DocumentError(message, hint="store the queries of all rows")
    queries = later or of_queries
    return None if queries is None else queries[1], rows["key"][1] if "key" in rows else None


def _dump(
    layer: Layer,
    stored: dict[str, Array],
    spec: Spec,
    stated: frozenset[str],
    extras: Extras,
    matrices: Mapping[str, Array] = MappingProxyType({}),
) -> Dump:
    stated |= {"sinks"} if extras.sinks is not None else set()
    arrays = {name: array for name, array in stored.items() if array.size}
    named = None if layer.settings.dtype == "float64" else layer.settings.dtype
    precision = precisions(arrays, named)
    tight, loose = roundings(precision)
    dump = Dump(
        layer=layer,
        stored=stored,
        recipe=Recipe(),
        stated=stated,
        matrices=matrices,
        hidden=None if extras.hidden is None else with_heads(extras.hidden),
        bias=None if extras.bias is None else with_heads(extras.bias),
        bias_words="attn_mask" if extras.bias is not None else "the bias",
        positions=declared_positions(layer, spec, extras),
        scheme=spec.positions,
        table=extras.position_embeddings,
        precision=precision,
        tight=tight,
        loose=loose,
        width=spec.d_k,
    )
    return replace(dump, recipe=declared_recipe(dump, spec, extras), norms=declared_norms(layer, spec, extras))
