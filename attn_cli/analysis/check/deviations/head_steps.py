"""The ways in which clipping, the norms of queries and keys, and growing queries go wrong."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Norm, Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def _unclipped(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.clip is not None:
        yield Variant(replace(recipe, clip=None), {"limit": f"{recipe.clip:g}"})


def _not_normed(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.norm is not None:
        yield Variant(replace(recipe, norm=None))


def _one_side(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.norm is not None:
        yield Variant(replace(recipe, norm=replace(recipe.norm, sides="Q")), {"what": "K", "rest": "Q"})
        yield Variant(replace(recipe, norm=replace(recipe.norm, sides="K")), {"what": "Q", "rest": "K"})


def _order(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is not None and recipe.norm is not None:
        words = ("after", "before") if not recipe.norm_last else ("before", "after")
        yield Variant(replace(recipe, norm_last=not recipe.norm_last), {"acts": words[0], "right": words[1]})


_KINDS = {"rms": "RMSNorm", "layer": "LayerNorm", "l2": "division by the length"}
_OVERS = {"head": "each head", "all heads": "all heads together"}


def _another(dump: Dump, recipe: Recipe) -> Changes:
    """Another norm than the declared one: its gain, its kind, or what it runs over."""
    if (norm := recipe.norm) is None or not dump.norms:
        return
    for gain, how in (
        ("none", "it has no gain"),
        ("exchanged", "the gains of queries and keys are exchanged"),
        ("plus one", "1 is added to its gain"),
        ("less one", "1 is taken off its gain"),
    ):
        yield Variant(replace(recipe, norm=replace(norm, gain=gain)), {"how": how})
    for kind, words in _KINDS.items():
        if any(fit.kind != kind for fit in dump.norms.values()):
            yield Variant(replace(recipe, norm=replace(norm, kind=kind)), {"how": f"it is {words}"})
    for over, words in _OVERS.items():
        if any(fit.over != over for fit in dump.norms.values()):
            yield Variant(replace(recipe, norm=replace(norm, over=over)), {"how": f"it runs over {words}"})


def _undeclared_norm(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.norm is None and "norm" not in dump.unsure:
        for kind in ("rms", "l2", "layer"):
            for over in ("head", "all heads"):
                words = f"{kind} norm over {'each head' if over == 'head' else over}"
                yield Variant(replace(recipe, norm=Norm(kind, over, "none")), {"how": words})


def _not_grown(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.growing is not None:
        yield Variant(replace(recipe, growing=None), {"how": "do not grow with their position"})
        ahead = replace(recipe.growing, ahead=recipe.growing.ahead + 1)
        yield Variant(replace(recipe, growing=ahead), {"how": "grow as if they stood one position further on"})


HEAD_STEPS = (
    Deviation(
        "clip-missing",
        "project",
        _unclipped,
        "queries, keys and values are not clipped to ±{limit}",
        "clip_qkv was not read from the config",
        "limit Q, K and V to ±{limit} after the projection",
        common=True,
        slot="clip",
    ),
    Deviation(
        "norm-missing",
        "norm",
        _not_normed,
        "{stage} {is_} made from queries and keys that are not normed",
        "the query and key norm was left out",
        "norm queries and keys before the product",
        common=True,
    ),
    Deviation(
        "norm-one-sided",
        "norm",
        _one_side,
        "{what} is not normed, {rest} is",
        "the norm was applied to {rest} alone, or keys went into the cache before it",
        "norm both, queries and keys",
        common=True,
    ),
    Deviation(
        "rotation-before-norm",
        "rotate",
        _order,
        "queries and keys are normed {acts} they are rotated, not {right}",
        "norm and rotation run in the wrong order, which matters because of the norm's gain",
        "norm them {right} the rotation",
        common=True,
    ),
    Deviation(
        "norm-differs",
        "norm",
        _another,
        "the norm of queries and keys is another: {how}",
        "another norm was used than the file declares, or its weights were loaded wrongly",
        "norm as declared, or declare what was used",
        common=True,
    ),
    Deviation(
        "norm-undeclared",
        "norm",
        _undeclared_norm,
        "{stage} {follows} after a norm of queries and keys that the file does not hold: {how}",
        "the file stores queries and keys before their norm",
        "store Q_normed and K_normed too",
        severity="remark",
    ),
    Deviation(
        "query-scaling-differs",
        "grow",
        _not_grown,
        "queries {how}",
        "query_scaling was left out, or counts positions from 1",
        "multiply each query with its factor after the rotation",
        common=True,
    ),
)
