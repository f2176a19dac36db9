"""From a trace, or a document, to the dumps of its layers: what is stored and what is declared, nothing computed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.analysis.check.computing.hiding import hidden
from attn_cli.analysis.check.computing.measured import finite
from attn_cli.analysis.check.computing.recipe import MADE, STEPS, Cap, Hides, Norm, Recipe, Rotation, Slopes, Stand
from attn_cli.analysis.check.computing.rounding import LOOSE, precisions, roundings
from attn_cli.analysis.check.computing.vectors import fitted_norm
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.core.positions import Rope
from attn_cli.core.spec import Extras, Spec, parse_mask, parse_positions, parse_scale, parse_softcap
from attn_cli.errors import DocumentError
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.documents.stored_weights import hidden_as_zero
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
        yield _finished(_from_parameters(read, declared, frozenset(stated)), averaged)
        return
    for layer in read.layers:
        yield _finished(_from_layer(layer, read, declared), averaged)


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
    dump = replace(dump, unsure=_unsure(formulas, stored, trace))
    if "attn_mask" in formulas.get("masked", ""):
        where = np.isneginf(stored["masked"])
        dump = replace(dump, hidden=where, stated=dump.stated | {"attn_mask"})
    if "sink_weight" in stored or "sink" in formulas.get("weights", ""):
        dump = replace(dump, recipe=replace(dump.recipe, left=True))
    return replace(dump, recipe=replace(dump.recipe, steps=_order(stored if formulas else ())))


def _unsure(formulas: Mapping[str, str], stored: Mapping[str, Array], trace: Trace) -> frozenset[str]:
    """The steps that acted, by the formulas of attn's own trace, and whose numbers the trace does not hold."""
    if not formulas:
        return frozenset({"output"})
    sources = {_source(formulas[name], name) for name in formulas if name in (*CHAIN, "weights")}
    lacking = {source for source in sources if source is not None and source not in stored}
    unsure = {"output"} if "W_O" in formulas.get("output", "W_O") else set()
    unsure |= {"mask", "bias"} if lacking & {"biased", "masked"} else set()
    unsure |= {"bias"} if "attn_mask" in formulas.get("biased", "") else set()
    if "weights" not in stored:  # whose formula would name the steps before it
        unsure |= {"sinks"} if "sink_weight" not in stored else set()
        unsure |= {"mask"} if "masked" not in stored else set()
        unsure |= {"bias"} if not {"biased", "masked"} & set(stored) else set()
    used = set(re.findall(r"[QK](?:_[a-z]+)?", formulas.get("scores", "")))
    known = used and trace.source.get("kind") != "checkpoint"
    unsure |= {"rotate"} if not known or any("_rotated" in form and form not in stored for form in used) else set()
    unsure |= {"norm"} if not known or any("_normed" in form and form not in stored for form in used) else set()
    return frozenset(unsure)


def _source(formula: str, stage: str) -> str | None:
    """The stage that a formula starts from, None where it names none."""
    words: list[str] = re.findall(r"[a-z]+", formula.partition("=")[2])
    return next((word for word in words if word in CHAIN and word != stage), None)


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
        hidden=None if extras.hidden is None else _headed(extras.hidden),
        bias=None if extras.bias is None else _headed(extras.bias),
        bias_words="attn_mask" if extras.bias is not None else "the bias",
        positions=_positions(layer, spec, extras),
        scheme=spec.positions,
        table=extras.position_embeddings,
        precision=precision,
        tight=tight,
        loose=loose,
        width=spec.d_k,
    )
    return replace(dump, recipe=_recipe(dump, spec, extras))


def _headed(array: Array) -> Array:
    return array if array.ndim == 3 else array[np.newaxis]


def _recipe(dump: Dump, spec: Spec, extras: Extras) -> Recipe:
    """What the layer declares, as a recipe."""
    layer = dump.layer
    held = {head: place for place, head in enumerate(layer.kv_head_index)}
    shared = tuple(held.get(layer.key_head(head), 0) for head in layer.head_index)
    slopes = spec.positions.slopes(layer.heads)
    scheme = spec.positions
    width = dump.head_width("Q") or dump.head_width("K")
    factor = None if spec.scale == "sqrt" and width is None else spec.factor(width)
    keys = "X_context" if dump.cross else "X"
    return Recipe(
        sources=("X", keys, keys),
        query_heads=tuple(range(dump.heads)),
        key_heads=shared,
        value_heads=shared,
        stands=(Stand(), Stand(), Stand("zero")),
        rotation=Rotation(scheme.base, scheme.style, scheme.dim, scheme.factor) if isinstance(scheme, Rope) else None,
        factor=1.0 if factor is None and spec.scale != "sqrt" else factor,
        cap=None if spec.softcap is None else Cap(spec.softcap),
        slopes=None if slopes is None else Slopes(tuple(float(slopes[head]) for head in layer.head_index)),
        hides=Hides(spec.mask),
        sinks=None if extras.sinks is None else tuple(map(float, extras.sinks)),
        left="sink_weight" in dump.stored and extras.sinks is None,
    )


def _positions(layer: Layer, spec: Spec, extras: Extras) -> tuple[Array, Array]:
    """The positions of queries and of keys: those that are given, else counted."""
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    cross = layer.kind == "cross"
    own = np.arange(queries if cross else max(queries, keys)) if extras.position_ids is None else extras.position_ids
    context = extras.position_ids_context if cross else own
    context = np.arange(keys) if context is None else context
    if spec.mask.from_start or cross:
        return own[:queries], context[:keys]
    return own[len(own) - queries :], context[len(context) - keys :]


def _finished(dump: Dump, averaged: Mapping[str, Array]) -> Dump:
    """The dump with what stored stages alone show: a bias that nobody declares, the gains of norms.

    SpecError where its mask cannot lie over its keys.
    """
    dump.mask.visible(slice(0, 0), dump.queries, dump.keys)
    dump = _without_hidden_nan(_with_mask(replace(dump, averaged=averaged.get(dump.layer.name))))
    formula = next((stage.formula for stage in dump.layer.stages if stage.name == "biased"), "")
    more = bool(formula) and not formula.endswith("+ ALiBi")
    if "biased" in dump.stored and dump.bias is None and (dump.recipe.slopes is None or more):
        dump = _with_bias(replace(dump, recipe=replace(dump.recipe, slopes=None)))
    return _with_norms(dump)


def _with_mask(dump: Dump) -> Dump:
    """The dump with what its scores hide as −∞, where it declares no mask: a stored stage shows one."""
    shown = next((name for name in CHAIN if name in dump.stored and np.isneginf(dump.stored[name]).any()), None)
    half = dump.loose.relative >= LOOSE["float16"].relative
    if shown is None or not dump.open_mask or (half and shown != "masked"):
        return dump
    return replace(dump, hidden=np.isneginf(dump.stored[shown]), stated=dump.stated | {"attn_mask"})


def _without_hidden_nan(dump: Dump) -> Dump:
    """The dump with 0 for NaN in weights of hidden keys; by the sums of rows where it declares no mask."""
    weights = dump.stored.get("weights")
    if weights is None or not np.isnan(weights).any():
        return dump
    where = np.broadcast_to(hidden(dump, dump.recipe.hides), dump.shape) if dump.masked else None
    filled, count = hidden_as_zero(weights, where, keep_empty=True)
    if not count:
        return dump
    return replace(dump, stored={**dump.stored, "weights": filled}, emptied=np.isnan(weights) & ~np.isnan(filled))


def _with_bias(dump: Dump) -> Dump:
    """The dump with the bias that its stages show, where the stage just before `biased` is stored too."""
    before = _before_bias(dump)
    if before not in dump.stored:
        return replace(dump, unsure=dump.unsure | {"bias"})
    added = finite(dump.stored["biased"].astype(np.float64) - dump.stored[before].astype(np.float64))
    return replace(dump, bias=added, unsure=dump.unsure - {"bias"})


def _before_bias(dump: Dump) -> str:
    """The stage that the bias is added to: as the formula has it, else what the steps before it make."""
    formula = next((stage.formula for stage in dump.layer.stages if stage.name == "biased"), "")
    recipe = dump.recipe
    acts = {"scale": recipe.factor != 1.0, "softcap": recipe.cap is not None, "mask": dump.masked}
    earlier = [MADE[step] for step in recipe.steps[: recipe.steps.index("bias")] if acts[step]]
    return _source(formula, "biased") or ("scores", *earlier)[-1]


def _with_norms(dump: Dump) -> Dump:
    """The dump with the norms of queries and keys that its stages show."""
    stored, norms, unsure = dump.stored, {}, set(dump.unsure)
    names = list(stored)
    both = {"Q_rotated", "Q_normed"} <= set(stored)
    rotated_first = both and names.index("Q_rotated") < names.index("Q_normed")
    for letter in "QK":
        after = f"{letter}_normed"
        if after not in stored:
            continue
        before = f"{letter}_rotated" if rotated_first else letter
        tolerance = 1e-4 + 6 * dump.loose.relative
        fit = fitted_norm(stored[before], stored[after], tolerance) if before in stored else None
        if fit is None:
            unsure.add("norm")
        else:
            norms[letter] = fit
    if not any(f"{letter}_normed" in stored for letter in "QK"):
        return dump
    recipe = replace(dump.recipe, norm=Norm("rms", gained=True) if norms else None, norm_last=rotated_first)
    return replace(dump, recipe=recipe, norms=norms, unsure=frozenset(unsure))
