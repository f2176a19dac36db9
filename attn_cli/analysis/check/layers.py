"""From a trace, or a document, to the dumps of its layers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.precision import Precision, precisions
from attn_cli.core.biases import AlibiTerm
from attn_cli.core.masks import Mask
from attn_cli.core.spec import Extras, Spec
from attn_cli.core.steps import ScoreInputs, whole
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.sources.restart import spec_of
from attn_cli.trace.stages import CHAIN, PARTS, followers
from attn_cli.trace.trace import Array, Layer, Trace

_LATE = (CHAIN[0], *followers(CHAIN[0]))


def dumps(found: Trace | Parameters, declared: Mapping[str, Any]) -> Iterator[Dump]:
    """The layers of a trace or a document, one at a time; `declared` settings stand before their own."""
    if isinstance(found, Parameters):
        yield _from_parameters(found, declared)
        return
    for layer in found.layers:
        yield _from_layer(layer, declared)


def _from_layer(layer: Layer, declared: Mapping[str, Any]) -> Dump:
    spec = replace(spec_of(layer), **declared)
    formulas = {stage.name: stage.formula for stage in layer.stages}
    before = {name: _source(formulas[name], name) for name in formulas if name in CHAIN}
    lacking = {source for source in before.values() if source is not None and source not in formulas}
    bias = None
    places = _places(layer, spec)
    if (slopes := spec.positions.slopes(layer.heads)) is not None and "biased" not in formulas:
        bias = _alibi(slopes[list(layer.head_index)], *places)
    stages = {s.name: s.array.astype(np.float64) for s in layer.stages if s.name not in PARTS}
    dump = Dump(
        layer=layer,
        stages=stages,
        stored=tuple(stages),
        precision=_precision({s.name: s.array for s in layer.stages}, layer.settings.dtype),
        spec=spec,
        bias=bias,
        bias_words="ALiBi",
        unseen=bool(lacking & {"biased", "masked"}),
        stated=frozenset(declared),
    )
    return _turned(_masked(dump, "attn_mask" in formulas.get("masked", "")), places)


def _masked(dump: Dump, arrays: bool) -> Dump:
    """The dump with what its mask hides; what an array hid beside it is told from the masked stage alone."""
    hidden = _hidden(dump, dump.spec.mask, None)
    apart = None
    if arrays:
        stored = np.isneginf(dump.stages["masked"])
        apart = stored if hidden is None else stored & ~hidden
        hidden = stored if hidden is None else hidden | stored
    return replace(dump, hidden=hidden, array_hidden=apart)


def _from_parameters(found: Parameters, declared: Mapping[str, Any]) -> Dump:
    late = [name for name in found.given if name in _LATE]
    spec = replace(found.spec, **declared)
    # What is not stored is computed exactly, to check against; where nothing is stored, the computation is checked.
    layer = replace(found, spec=replace(spec, dtype="float64") if late else spec).attended()
    stored = {name: found.given[name] for name in found.given if name in layer}
    stages = {
        s.name: s.array.astype(np.float64) for s in layer.stages if not late or s.name not in _LATE or s.name in stored
    }
    extras = found.extras
    bias, words = _conditions_bias(found, layer, spec)
    dump = Dump(
        layer=layer,
        stages=stages,
        stored=tuple(name for name in stages if not late or name in stored),
        precision=_precision(stored if late else {s.name: s.array for s in layer.stages}, spec.dtype),
        spec=spec,
        bias=bias,
        bias_words=words,
        sinks=None if extras.sinks is None else extras.sinks.astype(np.float64),
        stated=frozenset(declared),
        given=found,
    )
    array = None if extras.hidden is None else np.broadcast_to(extras.hidden, dump.shape)
    return replace(dump, array_hidden=array, hidden=_hidden(dump, spec.mask, array))


def _conditions_bias(found: Parameters, layer: Layer, spec: Spec) -> tuple[Array | None, str]:
    """What is added to scores (head, query, key), and in words."""
    terms: dict[str, Array] = {}
    if (slopes := spec.positions.slopes(spec.heads)) is not None:
        terms["ALiBi"] = _alibi(slopes, *_places(layer, spec, found.extras))
    if found.extras.bias is not None:
        terms["attn_mask"] = found.extras.bias
    return (sum(terms.values(), start=np.zeros(())) if terms else None), " + ".join(terms)


def _precision(arrays: Mapping[str, Array], dtype: str) -> dict[str, Precision]:
    """The precision of each stored stage, none finer than the dtype that the layer names."""
    whole = {name: array for name, array in arrays.items() if name not in PARTS}
    return precisions(whole, None if dtype == "float64" else dtype)


def _hidden(dump: Dump, mask: Mask, arrays: Array | None) -> Array | None:
    """Where a mask and arrays hide (head, query, key); None where nothing is hidden."""
    _, queries, keys = dump.shape
    seen = mask.visible(slice(None), queries, keys)
    hidden = np.zeros((queries, keys), dtype=bool) if seen is None else ~seen
    whole = np.broadcast_to(hidden, dump.shape) if arrays is None else hidden | arrays
    return whole if whole.any() else None


def _source(formula: str, stage: str) -> str | None:
    """The stage that a formula starts from, None where it names none."""
    words: list[str] = re.findall(r"[a-z]+", formula.partition("=")[2])
    return next((word for word in words if word in CHAIN and word != stage), None)


def _places(layer: Layer, spec: Spec, extras: Extras | None = None) -> tuple[Array, Array]:
    """The positions of queries and of keys: those that are given, else counted."""
    queries, keys = len(layer.query_tokens), len(layer.key_tokens)
    cross = layer.kind == "cross"
    given = extras or Extras()
    own = given.position_ids
    if own is None:
        own = np.arange(queries if cross else max(queries, keys))
    context = given.position_ids_context if cross else own
    if context is None:
        context = np.arange(keys)
    if spec.mask.from_start or cross:
        return own[:queries], context[:keys]
    return own[len(own) - queries :], context[len(context) - keys :]


def _alibi(slopes: Array, queries: Array, keys: Array) -> Array:
    shape = len(slopes), len(queries), len(keys)
    return AlibiTerm(slopes).at(ScoreInputs({}, shape, queries, keys, "float64"))(whole(shape))


def _turned(dump: Dump, places: tuple[Array, Array]) -> Dump:
    """The dump with Q and K rotated where positions are declared to do so and no rotated form is stored.

    It is unplaced after that, and where the forms that were matched may not be there.
    """
    forms = (dump.form("Q") or "Q", dump.form("K") or "K")
    formulas = {stage.name: stage.formula for stage in dump.layer.stages}
    matched = set(re.findall(r"[QK](?:_[a-z]+)?", formulas.get("scores", "")))
    untold = bool(formulas.get("weights")) and not dump.chain()
    dump = replace(dump, unplaced=untold or forms[0][1:] != forms[1][1:] or not matched <= set(dump.stages))
    if not {*forms} <= {*dump.stages} or any(form.endswith("_rotated") for form in forms):
        return dump
    turned = {
        f"{form[0]}_rotated": dump.spec.positions.rotated(dump.stages[form], place)
        for form, place in zip(forms, places, strict=True)
    }
    found = {name: array for name, array in turned.items() if array is not None}
    return replace(dump, stages={**dump.stages, **found}, unplaced=dump.unplaced or bool(found))
