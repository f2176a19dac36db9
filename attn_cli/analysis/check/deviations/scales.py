"""The ways in which the scale goes wrong."""

import math
from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def scale_words(dump: Dump, recipe: Recipe) -> dict[str, str]:
    """The declared factor, and where it comes from."""
    width = dump.head_width("Q") or dump.head_width("K")
    factor = 1.0 if recipe.factor is None else recipe.factor
    root = width is not None and math.isclose(factor, width**-0.5)
    return {"factor": f"{factor:.6g}", "root": f"1/√{width}" if root else "the declared scale"}


def _unscaled(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is not None and recipe.factor != 1.0:
        yield Variant(replace(recipe, factor=1.0), scale_words(dump, recipe))


def _twice(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is not None and recipe.factor != 1.0:
        factor = recipe.factor**2
        yield Variant(replace(recipe, factor=factor), scale_words(dump, recipe) | {"found": f"{factor:.6g}"})


def _multiplied(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is not None and recipe.factor != 1.0:
        factor = 1 / recipe.factor
        yield Variant(replace(recipe, factor=factor), scale_words(dump, recipe) | {"found": f"{factor:.6g}"})


def _widths(dump: Dump) -> Iterator[tuple[str, int]]:
    """Widths that are taken for that of a head."""
    width = dump.head_width("Q") or dump.head_width("K")
    for name in ("X", "embedded", "residual", "output"):
        if name in dump.stored:
            yield "the model's width", dump.stored[name].shape[1]
            break
    if width is not None:
        yield "the width of all heads together", dump.layer.heads * width
        yield "the width of all key heads together", dump.layer.kv_heads * width
    if (values := dump.head_width("V")) is not None:
        yield "the width of a value", values
    yield "the number of keys", dump.keys
    yield "the number of queries", dump.queries
    yield "the number of heads", dump.layer.heads


def _other_width(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is None:
        return
    words = scale_words(dump, recipe)
    for whose, width in _widths(dump):
        factor = width**-0.5
        if not any(math.isclose(factor, known) for known in (recipe.factor, recipe.factor**2, 1.0)):
            yield Variant(replace(recipe, factor=factor), words | {"width": str(width), "whose": whose})


def _base_2(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is not None:
        for factor, how in (
            (math.log(2), "2^x in place of e^x"),
            (1 / math.log(2), "log₂ e multiplied in, and e^x after it"),
        ):
            yield Variant(replace(recipe, factor=recipe.factor * factor), {"how": how})


def _other_factor(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor is None:
        return
    words = scale_words(dump, recipe)
    factor = recipe.factor
    yield Solved(
        tuple(
            factor * times
            for times in (0.02, 0.07, 0.15, 0.3, 0.5, 0.75, 1.3, 1.7, 2.5, 4.0, 7.0, 15.0, -0.3, -1.0, -3.0)
        ),
        lambda numbers: replace(recipe, factor=numbers[0]),
        lambda numbers: words | {"found": f"{numbers[0]:.4g}".replace("-", "−")},
        taken=lambda numbers: abs(numbers[0]) > 1e-6 * abs(factor),  # without any scores rows are even
    )


def _early_factor(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.factor not in (None, 1.0) and "scores" in dump.stored:
        yield Variant(replace(recipe, early_factor=True))


SCALES = (
    Deviation(
        "scores-already-scaled",
        "product",
        _early_factor,
        "scores hold Q · Kᵀ that is already scaled",
        "the numbers were taken after the division by √d_k",
        "name the stage scaled",
        severity="remark",
    ),
    Deviation(
        "scale-missing",
        "scale",
        _unscaled,
        "{stage} {is_} not scaled: ×{factor} ({root}) is missing",
        "the product of queries and keys was not divided by √d_k",
        "multiply scores with {factor}, or declare scale none if that is meant",
        common=True,
    ),
    Deviation(
        "scale-doubled",
        "scale",
        _twice,
        "{stage} {is_} scaled twice: ×{found} instead of ×{factor}",
        "divided by d_k instead of √d_k, or both the queries and the scores were scaled",
        "scale once, by {factor} ({root})",
        common=True,
    ),
    Deviation(
        "scale-inverted",
        "scale",
        _multiplied,
        "{stage} {is_} multiplied with √d_k: ×{found} instead of ×{factor}",
        "* √d_k where / √d_k was meant",
        "divide: scores × {factor} ({root})",
        common=True,
    ),
    Deviation(
        "scale-wrong-width",
        "scale",
        _other_width,
        "{stage} {is_} scaled by the root of the wrong width: 1/√{width}, {whose}",
        "the width in 1/√d is {whose}, not that of a head",
        "scale by {factor} ({root}), the width of one head",
        common=True,
    ),
    Deviation(
        "scale-base-2",
        "scale",
        _base_2,
        "softmax has another base: {how}",
        "a fused kernel works with powers of 2, and the factor log₂ e went in once too often or not at all",
        "multiply scores with log₂ e exactly where 2^x takes the place of e^x",
    ),
    Deviation(
        "scale-wrong",
        "scale",
        _other_factor,
        "{stage} {is_} scaled by ×{found} instead of ×{factor}",
        "another scale or temperature was used than the one that is declared",
        "scale by {factor}, or declare scale {found}",
    ),
)
