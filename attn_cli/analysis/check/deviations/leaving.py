"""The ways in which weights and outputs go wrong after softmax: dropout, averages, transposing, joining, W_O."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def dropout_words(factor: float) -> dict[str, str]:
    """What dropout did, by the factor that it multiplied the weights with that it kept."""
    if abs(factor - 1) < 1e-3:
        return {"how": "and the rest is not scaled up", "p": "p"}
    p = round(1 - 1 / factor, 3)
    return {"how": f"and the rest is multiplied with 1/(1 − {p:g}) = {factor:.4f}", "p": f"{p:g}"}


def _dropout(dump: Dump, recipe: Recipe) -> Changes:
    if "weights" in dump.stored:
        for p in (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.05, 0.15, 0.6, 0.75):
            factor = 1 / (1 - p)
            yield Variant(replace(recipe, kept=factor), dropout_words(factor))
        yield Solved(
            (1.2, 1.6, 3.0),
            lambda numbers: replace(recipe, kept=numbers[0]),
            lambda numbers: dropout_words(max(numbers[0], 1e-3)),
            taken=lambda numbers: numbers[0] > 1.001,
        )


def _dropout_unscaled(dump: Dump, recipe: Recipe) -> Changes:
    if "weights" in dump.stored:
        yield Variant(replace(recipe, kept=1.0), dropout_words(1.0))


def _flipped(dump: Dump, recipe: Recipe) -> Changes:
    if dump.queries == dump.keys > 1:
        yield Variant(replace(recipe, flipped=True))


def _averaged(dump: Dump, recipe: Recipe) -> Changes:
    if dump.heads > 1 and dump.whole:
        yield Variant(replace(recipe, averaged=True))


def _joined(dump: Dump, recipe: Recipe) -> Changes:
    if dump.heads > 1:
        for how, words in (
            ("reshaped", "(head, token, feature) was viewed as (token, head · feature)"),
            ("by feature", "they are joined as (feature, head) instead of (head, feature)"),
        ):
            yield Variant(replace(recipe, joined=how), {"how": words})


def _matrix_transposed(dump: Dump, recipe: Recipe) -> Changes:
    matrix = dump.matrices.get("W_O")
    if matrix is not None and len(set(matrix.shape)) == 1:
        yield Variant(replace(recipe, output_matrix="transposed"))


def _matrix_missing(dump: Dump, recipe: Recipe) -> Changes:
    matrix = dump.matrices.get("W_O")
    if matrix is not None and len(set(matrix.shape)) == 1:
        yield Variant(replace(recipe, output_matrix="none"))
        if "b_O" in dump.matrices:
            yield Variant(_without(recipe, replace(recipe, output_matrix="none")))


def _without(recipe: Recipe, changed: Recipe) -> Recipe:
    return replace(changed, biases=tuple((name, "" if name == "O" else bias) for name, bias in recipe.biases))


def _bias_missing(dump: Dump, recipe: Recipe) -> Changes:
    if "b_O" in dump.matrices:
        yield Variant(_without(recipe, recipe))


def _residual(dump: Dump, recipe: Recipe) -> Changes:
    output = dump.stored.get("output")
    for name in ("X", "embedded", "residual"):
        if name in dump.stored and output is not None and dump.stored[name].shape[-1] == output.shape[-1]:
            yield Variant(replace(recipe, residual=name), {"name": "X" if name == "embedded" else name})


LEAVING = (
    Deviation(
        "weights-transposed",
        "softmax",
        _flipped,
        "the weights are transposed: rows are keys",
        "weights.T was stored, or taken for the product with V; the softmax was right",
        "rows of weights are queries: store (head, query, key), and blend with weights @ V",
        common=True,
        whole=True,
        slot="flipped",
    ),
    Deviation(
        "heads-averaged",
        "softmax",
        _averaged,
        "the weights are the mean over all heads",
        "nn.MultiheadAttention averages unless average_attn_weights=False, and other libraries have such a switch",
        "store each head's own weights",
        common=True,
        whole=True,
        slot="averaged",
    ),
    Deviation(
        "dropout",
        "softmax",
        _dropout,
        "dropout acts on the weights: some are 0, {how}",
        "the model was in training mode: dropout p = {p} after softmax",
        "model.eval() before the numbers are taken",
        common=True,
        slot="dropout",
    ),
    Deviation(
        "dropout",
        "softmax",
        _dropout_unscaled,
        "dropout acts on the weights: some are 0, {how}",
        "the model was in training mode: dropout p = {p} after softmax",
        "model.eval() before the numbers are taken",
        general=1,
        slot="dropout",
    ),
    Deviation(
        "heads-joined-wrong",
        "output",
        _joined,
        "the heads were joined wrongly: {how}",
        "heads were not put side by side before the reshape, which mixes heads, tokens and features",
        "exchange head and token axes before the reshape",
        common=True,
        whole=True,
        slot="joined",
    ),
    Deviation(
        "output-matrix-transposed",
        "output",
        _matrix_transposed,
        "W_O is transposed: the output is heads · W_Oᵀ",
        "the matrix is stored out × in, as PyTorch's Linear does, and was used as in × out (or the reverse)",
        "transpose W_O, or store it as it multiplies from the right",
        common=True,
        slot="W_O",
    ),
    Deviation(
        "output-matrix-missing",
        "output",
        _matrix_missing,
        "W_O is not applied: the output is the heads side by side",
        "the output was taken before the output projection, or the projection was left out",
        "multiply with W_O, or name what you stored head_output",
        common=True,
        slot="W_O",
    ),
    Deviation(
        "output-bias-missing",
        "output",
        _bias_missing,
        "b_O is not added",
        "the bias of the output projection was left out",
        "add b_O after W_O",
        common=True,
        slot="b_O",
    ),
    Deviation(
        "residual-added",
        "output",
        _residual,
        "the output holds {name} too: the residual is added already",
        "the output was taken after the residual addition",
        "take the output of attention alone",
        common=True,
        slot="residual",
    ),
)
