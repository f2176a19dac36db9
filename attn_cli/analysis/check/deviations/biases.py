"""The ways in which ALiBi and other biases on scores go wrong."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from attn_cli.analysis.check.computing.recipe import Recipe, Slopes
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.deviations.softcaps import _moved
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.positions import Alibi

Changes = Iterator[Variant | Solved]


def _without_bias(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.slopes is not None:
        yield Variant(replace(recipe, slopes=None), {"what": "ALiBi"})
    if dump.bias is not None:
        yield Variant(replace(recipe, bias=0.0), {"what": dump.bias_words})
    if recipe.slopes is not None and dump.bias is not None:
        yield Variant(replace(recipe, slopes=None, bias=0.0), {"what": f"ALiBi and {dump.bias_words}"})


def _bias_sign(dump: Dump, recipe: Recipe) -> Changes:
    if (slopes := recipe.slopes) is not None:
        turned = replace(slopes, slopes=tuple(-slope for slope in slopes.slopes))
        yield Variant(replace(recipe, slopes=turned), {"what": "ALiBi"})
    if dump.bias is not None:
        yield Variant(replace(recipe, bias=-1.0), {"what": dump.bias_words})


def _bias_early(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.slopes is not None or dump.bias is not None:
        words = {"what": "ALiBi" if recipe.slopes is not None else dump.bias_words}
        if recipe.factor is not None and recipe.factor != 1.0:
            yield Variant(_moved(recipe, "bias", 0), words | {"where": "before the scale, which shrinks it"})
        if recipe.cap is not None:
            yield Variant(_moved(recipe, "bias", 1), words | {"where": "before the softcap"})


def _bias_twice(dump: Dump, recipe: Recipe) -> Changes:
    if (slopes := recipe.slopes) is not None:
        yield Variant(
            replace(recipe, slopes=replace(slopes, slopes=tuple(2 * slope for slope in slopes.slopes))),
            {"what": "ALiBi"},
        )
    if dump.bias is not None:
        yield Variant(replace(recipe, bias=2.0), {"what": dump.bias_words})


def _other_form(dump: Dump, recipe: Recipe) -> Changes:
    if dump.bias is None:
        return
    if dump.queries == dump.keys:
        yield Variant(replace(recipe, bias_form="transposed"), {"what": dump.bias_words, "how": "transposed"})
    if len(dump.bias) > 1:
        for form, how in (("first", "to every head as the first head has it"), ("reversed", "to heads in reverse")):
            yield Variant(replace(recipe, bias_form=form), {"what": dump.bias_words, "how": how})


def _slopes_reversed(dump: Dump, recipe: Recipe) -> Changes:
    if (slopes := recipe.slopes) is not None and dump.heads > 1:
        yield Variant(replace(recipe, slopes=replace(slopes, slopes=slopes.slopes[::-1])))


def _other_slopes(dump: Dump, recipe: Recipe) -> Changes:
    if (slopes := recipe.slopes) is None:
        return
    heads, index = dump.layer.heads, dump.layer.head_index
    power = 1 << (heads.bit_length() - 1)
    counts = sorted({power, 2 * power, heads + 1, heads - 1, dump.layer.kv_heads, 8, 16} - {heads, 0})
    made = {f"of {count} heads": Alibi().slopes(count) for count in counts if count >= heads}
    steps = np.arange(1, heads + 1)
    made["2^(−8i/h) of every head, also where heads are no power of two"] = 2.0 ** (-8.0 * steps / heads)
    made["2^(−8i/h) counted from head 0"] = 2.0 ** (-8.0 * (steps - 1) / heads)
    made["2^−i"] = 2.0**-steps
    made["sorted"] = np.sort(Alibi().slopes(heads))[::-1]
    made["one slope for all heads"] = np.full(heads, Alibi().slopes(heads)[0])
    for words, own in made.items():
        there = tuple(float(own[head]) for head in index)
        if not np.allclose(there, slopes.slopes):
            yield Variant(replace(recipe, slopes=Slopes(there)), {"how": words})
    yield Solved(
        (0.1, 0.3, 0.6, 1.5, 3.0, 8.0),
        lambda numbers: replace(recipe, slopes=Slopes(tuple(numbers[0] * slope for slope in slopes.slopes))),
        lambda numbers: {
            "how": f"{numbers[0]:.4g} times too steep" if abs(numbers[0]) > 1 else f"{numbers[0]:.4g} times as steep"
        },
    )


def _other_distance(dump: Dump, recipe: Recipe) -> Changes:
    if (slopes := recipe.slopes) is not None:
        for distance, how in (("ahead", "key − query, which rewards later keys"), ("key", "the key's position alone")):
            yield Variant(replace(recipe, slopes=replace(slopes, distance=distance)), {"how": how})


BIASES = (
    Deviation(
        "bias-missing",
        "bias",
        _without_bias,
        "{what} is not added to {stage}",
        "the bias was left out of the scores that softmax ran on",
        "add it to the scores before the mask",
        common=True,
    ),
    Deviation(
        "bias-sign",
        "bias",
        _bias_sign,
        "{what} is subtracted: its sign is wrong",
        "ALiBi adds −slope × distance; with + it favors far keys",
        "add it with the other sign",
        common=True,
    ),
    Deviation(
        "bias-order",
        "bias",
        _bias_early,
        "{what} is added {where}",
        "the steps on scores run in another order than scale, softcap, bias, mask",
        "scale, then cap, then add the bias",
        common=True,
    ),
    Deviation(
        "bias-doubled",
        "bias",
        _bias_twice,
        "{what} is added twice",
        "both the mask and the attention code add it",
        "add it once",
    ),
    Deviation(
        "bias-form",
        "bias",
        _other_form,
        "{what} is added {how}",
        "axes or heads of the bias were exchanged, or one head of it was broadcast",
        "add to each head its own bias (head, query, key)",
        common=True,
    ),
    Deviation(
        "alibi-reversed",
        "bias",
        _slopes_reversed,
        "ALiBi's slopes stand in reverse order: the first head has the last head's",
        "slopes were counted from the other end",
        "the first head has the steepest slope",
        common=True,
    ),
    Deviation(
        "alibi-slopes",
        "bias",
        _other_slopes,
        "ALiBi's slopes are others: {how}",
        "slopes belong to a number of heads: 2^(−8i/h), and interleaved ones where h is no power of two",
        "make the slopes for the heads of the whole layer",
        common=True,
    ),
    Deviation(
        "alibi-distance",
        "bias",
        _other_distance,
        "ALiBi's distance is {how}",
        "the distance is |query − key|, and later keys are as far as earlier ones",
        "subtract slope × |query − key|",
    ),
)
