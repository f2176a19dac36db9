"""What hidden scores become where they do not become −∞, and queries that see no key."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from attn_cli.analysis.check.computing.recipe import Fill, Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.masks import Causal

Changes = Iterator[Variant | Solved]


def _filled_with_0(dump: Dump, recipe: Recipe) -> Changes:
    yield Variant(replace(recipe, fill=Fill("put", 0.0)))


def _as_numbers(dump: Dump, recipe: Recipe) -> Changes:
    yield Variant(replace(recipe, fill=Fill("add", -1.0)), {"numbers": "1 where a query may look, 0 elsewhere"})
    yield Variant(replace(recipe, fill=Fill("add", 1.0)), {"numbers": "0 where a query may look, 1 elsewhere"})


def _finite(dump: Dump, recipe: Recipe) -> Changes:
    for kind, how in (("add", "was added to"), ("put", "was put in place of")):
        yield Solved(
            (-0.5, -2.0, -4.0, -6.0, -9.0, -12.0, -16.0, -25.0, 0.5, 2.0, 5.0, 9.0, 15.0),
            lambda numbers, kind=kind: replace(recipe, fill=Fill(kind, numbers[0])),  # type: ignore[misc]
            lambda numbers, how=how: {"number": _round(numbers[0]), "how": how},  # type: ignore[misc]
            taken=lambda numbers, kind=kind: not _named(kind, numbers[0]),  # type: ignore[misc]
        )


def _named(kind: str, number: float) -> bool:
    """Whether a number has a name of its own: 0 in place of a score, 1 more or less."""
    return abs(number) < 1e-3 or (kind == "add" and abs(abs(number) - 1) < 1e-3)


def _round(number: float) -> str:
    near = round(number, 3)
    return f"{near:.6g}".replace("-", "−")


def _unseen(dump: Dump, recipe: Recipe) -> Changes:
    """Hidden scores that are stored as one very negative number, which softmax takes for −∞."""
    if "masked" not in dump.stored:
        return
    lowest = float(np.min(dump.stored["masked"], initial=0.0))
    if np.isfinite(lowest) and lowest < -900:
        near = float(f"{lowest:.3g}")
        words = {"number": f"{near:.6g}".replace("-", "−")}
        for number in dict.fromkeys((lowest, near, round(near, -3))):
            yield Variant(replace(recipe, fill=Fill("put", number)), words)
            yield Variant(replace(recipe, fill=Fill("add", number)), words)


def _late(dump: Dump, recipe: Recipe) -> Changes:
    yield Variant(replace(recipe, fill=Fill("late")))
    if "mask" not in dump.stated:
        yield Variant(replace(recipe, fill=Fill("late"), hides=replace(recipe.hides, rule=Causal())))


def _added_late(dump: Dump, recipe: Recipe) -> Changes:
    for number in (-np.inf, -1e4, -1e9, float(np.finfo(np.float32).min), -65504.0):
        yield Variant(replace(recipe, fill=Fill("late add", number)))
    yield Solved(
        (-1.0, -100.0),
        lambda numbers: replace(recipe, fill=Fill("late add", numbers[0])),
        lambda numbers: {},
        taken=lambda numbers: abs(numbers[0]) > 1e-3,
    )


def _blind(dump: Dump, recipe: Recipe) -> Changes:
    yield Variant(replace(recipe, blind="uniform"), {"how": "alike, 1/m each"})
    yield Variant(replace(recipe, blind="by score"), {"how": "by their scores, as if nothing were hidden"})


FILLS = (
    Deviation(
        "hidden-row-uniform",
        "mask",
        _blind,
        "a query that sees no key weighs all keys {how}",
        "a lowest number was added to, or put in place of, every score of such a row, and cancels in softmax",
        "nothing, if nobody reads these rows; weights of 0 there are attn's own convention",
        severity="remark",
        common=True,
        slot="blind",
    ),
    Deviation(
        "mask-filled-with-0",
        "mask",
        _filled_with_0,
        "the scores of hidden keys are 0 before softmax, not −∞",
        "scores were multiplied by the mask, or filled with 0: exp(0) = 1 is a weight like any other",
        "fill hidden scores with −∞, or add −∞ there",
        common=True,
        slot="fill",
    ),
    Deviation(
        "mask-as-numbers",
        "mask",
        _as_numbers,
        "the mask was added to the scores as numbers: {numbers}",
        "a boolean mask was made float and added, so that hidden scores differ by 1 instead of −∞",
        "turn the mask into 0 and −∞ before adding it, or use masked_fill",
        common=True,
        slot="fill",
    ),
    Deviation(
        "mask-finite-unseen",
        "mask",
        _unseen,
        "hidden scores are {number} instead of −∞",
        "a large negative number stands in for −∞; after softmax it weighs 0 all the same",
        "nothing, while no row is hidden throughout; −∞ says what is meant",
        severity="remark",
        slot="fill",
    ),
    Deviation(
        "mask-finite",
        "mask",
        _finite,
        "the mask is a finite number: {number} {how} hidden scores, which still weigh something",
        "a number that is not low enough was used where −∞ was meant",
        "use −∞ (or the dtype's lowest number) where a key is hidden",
        common=True,
        slot="fill",
    ),
    Deviation(
        "mask-after-softmax",
        "softmax",
        _late,
        "the mask was applied after softmax, and rows were not made to sum to 1 again",
        "hidden keys took part in softmax and were set to 0 afterwards, so their share is lost",
        "set hidden scores to −∞ before softmax",
        common=True,
        slot="fill",
    ),
    Deviation(
        "mask-added-after-softmax",
        "softmax",
        _added_late,
        "the additive mask was added to the weights, not to the scores",
        "softmax(scores) + mask, where softmax(scores + mask) was meant",
        "add the mask to the scores before softmax",
        slot="fill",
    ),
)
