"""The ways in which softmax and sinks go wrong."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Change, Deviation, Numbers, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def _over(*kinds: str) -> Change:
    def changes(dump: Dump, recipe: Recipe) -> Changes:
        for kind in kinds:
            alone = (kind == "heads" and dump.heads == 1) or (kind in ("queries", "all") and dump.queries == 1)
            if not alone and (kind != "heads" or dump.whole):
                yield Variant(replace(recipe, over=kind, sinks=None, left=False))

    return changes


def _without_sinks(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.sinks is not None or recipe.left:
        yield Variant(replace(recipe, sinks=None, left=False))


def _softmax_1(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.sinks is None and not recipe.left and "sinks" not in dump.stated:
        yield Variant(
            replace(recipe, sinks=(0.0,) * dump.heads), {"sinks": "0 in every head (softmax-1, 'off by one')"}
        )
        yield Solved(
            (0.0, 1.0, -1.0, 3.0, -3.0, 6.0),
            lambda numbers: replace(recipe, sinks=numbers),
            lambda numbers: {"sinks": _numbers(numbers)},
            size=dump.heads,
        )


def _other_sinks(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.sinks is not None:
        declared = recipe.sinks
        yield Variant(replace(recipe, sinks=tuple(-sink for sink in declared)), {"sinks": "their negatives"})
        if dump.heads > 1:
            yield Variant(replace(recipe, sinks=declared[::-1]), {"sinks": "those of the heads in reverse order"})
        if recipe.factor is not None and recipe.factor != 1.0:
            scaled = tuple(sink * (recipe.factor or 1.0) for sink in declared)
            yield Variant(replace(recipe, sinks=scaled), {"sinks": "the same, scaled like scores"})
        yield Solved(
            (0.0, 1.0, -1.0, 3.0, -3.0, 6.0),
            lambda numbers: replace(recipe, sinks=numbers),
            lambda numbers: {"sinks": _numbers(numbers)},
            size=dump.heads,
        )


def _numbers(numbers: Numbers) -> str:
    shown = ", ".join(f"{round(number, 3):.4g}" for number in numbers[:6]).replace("-", "−")
    return shown + (", …" if len(numbers) > 6 else "")


SOFTMAXES = (
    Deviation(
        "softmax-over-queries",
        "softmax",
        _over("queries"),
        "softmax ran over the queries: columns sum to 1, rows do not",
        "softmax took the wrong axis: of (head, query, key) the last but one",
        "softmax over the last axis, the keys: softmax(scores, dim=-1)",
        common=True,
        whole=True,
    ),
    Deviation(
        "softmax-over-heads",
        "softmax",
        _over("heads"),
        "softmax ran over the heads: for each query and key the heads sum to 1",
        "softmax took axis 0 of (head, query, key)",
        "softmax over the last axis, the keys: softmax(scores, dim=-1)",
        common=True,
        whole=True,
    ),
    Deviation(
        "softmax-over-all",
        "softmax",
        _over("all"),
        "softmax ran over the whole matrix: all its weights sum to 1",
        "scores were flattened before softmax, or its axis was left out",
        "softmax over the last axis, the keys: softmax(scores, axis=-1)",
    ),
    Deviation(
        "softmax-missing",
        "softmax",
        _over("nothing", "nothing, hidden 0"),
        "scores stand where weights belong: softmax was left out",
        "softmax was not applied, or scores were stored as weights",
        "apply softmax over the keys; scores are stored as scores (or --as scores)",
    ),
    Deviation(
        "softmax-not-divided",
        "softmax",
        _over("no sum", "no sum, less peak"),
        "the exponentials were not divided by their sum",
        "softmax was written out, and its last step is missing",
        "divide each row by its sum",
    ),
    Deviation(
        "log-weights",
        "softmax",
        _over("logs"),
        "the logarithms of weights stand where weights belong",
        "log_softmax was used, or its result was stored",
        "softmax, or exp of what is stored",
    ),
    Deviation(
        "softmax-sigmoid",
        "softmax",
        _over("sigmoid"),
        "each score went through a sigmoid by itself, not through softmax with its row",
        "sigmoid(scores) where softmax(scores) was meant",
        "softmax over the keys",
    ),
    Deviation(
        "sinks-missing",
        "softmax",
        _without_sinks,
        "the sinks take no share of the weights",
        "softmax ran over the keys alone",
        "let each head's sink join its softmax",
        common=True,
        slot="sinks",
    ),
    Deviation(
        "sinks-differ",
        "softmax",
        _other_sinks,
        "other sinks act than the file holds: {sinks}",
        "the sinks of another layer or head were used, or scaled",
        "use each head's own sink, unscaled",
        slot="sinks",
    ),
    Deviation(
        "sinks-undeclared",
        "softmax",
        _softmax_1,
        "one number for each head joins its softmax and takes a share, which the file does not declare: {sinks}",
        "an attention sink (gpt-oss), or softmax-1: exp(s) stands in the sum beside the keys",
        "store the numbers as sinks, so that they can be checked",
        severity="remark",
        slot="sinks",
    ),
)
