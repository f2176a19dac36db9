"""What stored stages alone show: a mask, a bias, the gains of norms."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from attn_cli.analysis.check.computing.hiding import hidden
from attn_cli.analysis.check.computing.measured import finite
from attn_cli.analysis.check.computing.recipe import MADE, Norm
from attn_cli.analysis.check.computing.rounding import LOOSE
from attn_cli.analysis.check.computing.vectors import fitted_norm
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.sources.documents.stored_weights import hidden_as_zero
from attn_cli.trace.trace import Array


def as_stages_show(dump: Dump, averaged: Mapping[str, Array]) -> Dump:
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
    return source_of(formula, "biased") or ("scores", *earlier)[-1]


def _with_norms(dump: Dump) -> Dump:
    """The dump with the norms of queries and keys that its stages show."""
    if dump.norms:
        return dump
    stored, norms, unsure = dump.stored, {}, set(dump.unsure)
    names = list(stored)
    rotated_first = any(
        {f"{letter}_rotated", f"{letter}_normed"} <= set(stored)
        and names.index(f"{letter}_rotated") < names.index(f"{letter}_normed")
        for letter in "QK"
    )
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
    unsure |= {"norm"} if len(norms) < 2 else set()
    recipe = replace(dump.recipe, norm=Norm() if norms else None, norm_last=rotated_first)
    return replace(dump, recipe=recipe, norms=norms, unsure=frozenset(unsure))


def source_of(formula: str, stage: str) -> str | None:
    """The stage that a formula starts from, None where it names none."""
    words: list[str] = re.findall(r"[a-z]+", formula.partition("=")[2])
    return next((word for word in words if word in CHAIN and word != stage), None)
