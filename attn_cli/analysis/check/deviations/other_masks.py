"""Masks that nobody declared, and masks other than the declared one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from attn_cli.analysis.check.computing.recipe import Hides, Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.deviations.masks import _with, spelled
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.masks import Causal, Chunked, Local, NoMask, Prefix, Sliding

Changes = Iterator[Variant | Solved]
_WIDEST = 96
"""Windows, prefixes and texts up to this length are all tried."""


def named(dump: Dump, recipe: Recipe) -> str:
    """What is declared to hide, in words."""
    rule = recipe.hides.rule
    array = dump.hidden is not None and recipe.hides.array != "none"
    return " and ".join(
        [*([f"the mask {spelled(rule)}"] if not isinstance(rule, NoMask) else []), *(["attn_mask"] if array else [])]
    )


def other_masks(dump: Dump) -> Iterator[tuple[Hides, str]]:
    """Masks that people use, with how they are spelled, the plainest first."""
    yield Hides(Causal()), "causal"
    if dump.queries != dump.keys:
        yield Hides(Causal("start")), "causal:start"
    most = min(dump.keys, _WIDEST)
    for window in range(1, most):
        for mask in (Sliding(window), Local(window)):
            yield Hides(mask), spelled(mask)
    for size in range(2, most):
        for longer in (Prefix(size), Chunked(size)):
            yield Hides(longer), spelled(longer)
    if dump.queries == dump.keys:
        yield Hides(Causal(), transposed=True), "causal, transposed"


def _more_hidden(dump: Dump, hides: Hides) -> Iterator[tuple[Hides, str]]:
    """Padding and packed texts, hidden beside what is hidden already."""
    for count in range(1, min(dump.keys, _WIDEST)):
        keys = "key" if count == 1 else f"{count} keys"
        yield replace(hides, pads=count), f"padding of the first {keys}"
        yield replace(hides, pads=-count), f"padding of the last {keys}"
    for lengths in _texts(dump):
        yield replace(hides, packed=lengths), f"packed:{','.join(map(str, lengths))}"


def _texts(dump: Dump) -> Iterator[tuple[int, ...]]:
    """Lengths of packed texts: where the stored weights show no look across, else any two of them."""
    if dump.queries != dump.keys:
        return
    weights = dump.stored.get("weights")
    if weights is not None:
        looks = (weights != 0).any(axis=0)
        looks = looks | looks.T
        borders = [i for i in range(1, dump.keys) if not looks[i:, :i].any()]
        if borders:
            yield tuple(b - a for a, b in pairwise([0, *borders, dump.keys]))
        return
    for first in range(1, min(dump.keys, _WIDEST)):
        yield first, dump.keys - first


def _undeclared(dump: Dump, recipe: Recipe) -> Changes:
    """A mask where the file declares none, or hides by a rule alone: then padding and packing may come to it."""
    hides = recipe.hides
    if "mask" not in dump.stated:
        found = [*other_masks(dump), *_more_hidden(dump, Hides()), *_more_hidden(dump, Hides(Causal()))]
        for other, name in found:
            both = replace(other, array=hides.array)
            prefix = "causal with " if isinstance(other.rule, Causal) and (other.pads or other.packed) else ""
            yield Variant(replace(recipe, hides=both), {"mask": f"mask {prefix}{name}"})
    elif dump.hidden is None and not isinstance(hides.rule, NoMask):
        for other, name in _more_hidden(dump, hides):
            yield Variant(replace(recipe, hides=other), {"mask": f"mask {spelled(hides.rule)} and {name}"})


def _undeclared_zeros(dump: Dump, recipe: Recipe) -> Changes:
    if dump.open_mask and "weights" in dump.stored and _telling(dump):
        yield Variant(_with(recipe, zeros=True))


def _telling(dump: Dump) -> bool:
    """Whether enough weights are neither 0 nor 1 to tell a mask from an accident."""
    clear = dump.stored["weights"] > 1e-3
    return bool(((clear.sum(axis=(1, 2)) - clear.any(axis=2).sum(axis=1)) >= 3).all())


def _another(dump: Dump, recipe: Recipe) -> Changes:
    """Another mask than the one that is declared, none included."""
    if "mask" not in dump.stated:
        return
    words = {"mask": spelled(recipe.hides.rule)}
    for other, name in other_masks(dump):
        if other.rule != recipe.hides.rule:
            yield Variant(replace(recipe, hides=replace(other, array=recipe.hides.array)), words | {"acts": name})
    if isinstance(recipe.hides.rule, NoMask) and dump.hidden is None:
        for base, prefix in ((Hides(), ""), (Hides(Causal()), "causal with ")):
            for other, name in _more_hidden(dump, base):
                yield Variant(replace(recipe, hides=other), words | {"acts": prefix + name})


def _zeros(dump: Dump, recipe: Recipe) -> Changes:
    """Whatever weighs 0 is hidden, where a mask is declared that hides less."""
    if not dump.open_mask and ("masked" in dump.stored or ("weights" in dump.stored and _telling(dump))):
        yield Variant(_with(recipe, zeros=True), {"mask": named(dump, recipe) or "the mask none"})


OTHER_MASKS = (
    Deviation(
        "mask-undeclared",
        "mask",
        _undeclared,
        "{stage} {follows} under {mask}, which the file does not declare",
        "the file does not store this mask",
        "declare it (--mask, or mask or attn_mask in the file), so that it can be checked",
        severity="remark",
        common=True,
    ),
    Deviation(
        "mask-undeclared-zeros",
        "mask",
        _undeclared_zeros,
        "{stage} {follows} under a mask that hides what weighs 0, which the file does not declare",
        "the file does not store this mask",
        "store it as attn_mask, so that it can be checked",
        severity="remark",
        general=2,
    ),
    Deviation(
        "mask-differs",
        "mask",
        _another,
        "the mask {mask} is declared, and {stage} {follows} under another: {acts}",
        "the code masks by {acts}",
        "mask as declared, or declare {acts}",
        general=1,
    ),
    Deviation(
        "mask-hides-more",
        "mask",
        _zeros,
        "more is hidden than {mask} hides: {stage} {follows} where all that weighs 0 is left out",
        "a second mask acts that the file does not hold",
        "store it as attn_mask",
        general=2,
    ),
)
