"""The ways in which matrices, biases and inputs go wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]
_SETS = ("QKV", "Q", "K", "V", "QK", "KV", "QV")


def _words(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


def _made_here(dump: Dump, names: str) -> bool:
    """Whether these of Q, K and V are made from vectors and matrices of the file."""
    return all(f"W_{name}" in dump.matrices for name in names)


def _transposed(dump: Dump, recipe: Recipe) -> Changes:
    for names in _SETS:
        if _made_here(dump, names) and all(len(set(dump.matrices[f"W_{name}"].shape)) == 1 for name in names):
            yield Variant(replace(recipe, transposed=recipe.transposed ^ set(names)), {"names": _words(names)})


def _without_bias(dump: Dump, recipe: Recipe) -> Changes:
    there = "".join(name for name in "QKV" if f"b_{name}" in dump.matrices)
    for names in _SETS:
        if set(names) <= set(there):
            kept = tuple((name, "" if name in names else bias) for name, bias in recipe.biases)
            yield Variant(
                replace(recipe, biases=kept),
                {"names": _words([f"b_{name}" for name in names]), "is_added": "is" if len(names) == 1 else "are"},
            )


def _exchanged_biases(dump: Dump, recipe: Recipe) -> Changes:
    for a, b in (("Q", "K"), ("K", "V"), ("Q", "V")):
        own = dump.matrices.get(f"b_{a}"), dump.matrices.get(f"b_{b}")
        if own[0] is not None and own[1] is not None and own[0].shape == own[1].shape:
            turned = {a: f"b_{b}", b: f"b_{a}"}
            biases = tuple((name, turned.get(name, bias)) for name, bias in recipe.biases)
            yield Variant(replace(recipe, biases=biases), {"names": f"b_{a} and b_{b}"})


def _own_keys(dump: Dump, recipe: Recipe) -> Changes:
    if dump.cross and dump.queries == dump.keys:
        yield Variant(
            replace(recipe, sources=("X", "X", "X")), {"how": "keys and values are made of X, not of X_context"}
        )
        yield Variant(replace(recipe, sources=("X_context",) * 3), {"how": "queries are made of X_context, not of X"})


def _reshaped_keys(dump: Dump, recipe: Recipe) -> Changes:
    yield Variant(replace(recipe, product="reshaped"))


def _turned_values(dump: Dump, recipe: Recipe) -> Changes:
    if dump.whole:
        yield Variant(replace(recipe, cuts=(*recipe.cuts[:2], "turned")))


def _product_exchanged(dump: Dump, recipe: Recipe) -> Changes:
    if dump.queries == dump.keys and dump.head_width("Q") == dump.head_width("K"):
        yield Variant(replace(recipe, product="exchanged"))
        if recipe.rotation is not None and dump.layer.heads == dump.layer.kv_heads:
            yield Variant(replace(recipe, roles=("K", "Q", recipe.roles[2])))


def _wrong_input(dump: Dump, recipe: Recipe) -> Changes:
    widths = {name: dump.head_width(name) for name in "QKV"}
    same_heads = dump.layer.heads == dump.layer.kv_heads
    rotated = [form for form in ("K_rotated", "K_normed") if form in dump.stored]
    ways = [(("Q", "K", "K"), "K", "V"), (("Q", "V", "V"), "V", "K"), (("Q", "V", "K"), "V and K", "K and V")]
    ways += [(("Q", "K", form), form, "V") for form in rotated]
    if same_heads and dump.queries == dump.keys:
        ways += [
            (("Q", "K", "Q"), "Q", "V"),
            (("V", "K", "V"), "V", "Q"),
            (("Q", "Q", "V"), "Q", "K"),
            (("K", "K", "V"), "K", "Q"),
        ]
    for roles, wrong, right in ways:
        if widths["Q"] == widths["K"] == widths["V"] or (right == "V" and "V" not in wrong):
            yield Variant(replace(recipe, roles=roles), {"wrong": wrong, "right": right})


PROJECTIONS = (
    Deviation(
        "linear-not-transposed",
        "project",
        _transposed,
        "{names}: the matrix is transposed",
        "the matrix is stored out × in, as PyTorch's Linear does, and was read as in × out (or the reverse)",
        'declare "projections": "linear", or transpose the matrix',
        common=True,
    ),
    Deviation(
        "bias-left-out",
        "project",
        _without_bias,
        "{names} {is_added} not added",
        "the bias of a projection was left out",
        "add {names} after the product",
        common=True,
        slot="biases",
    ),
    Deviation(
        "biases-exchanged",
        "project",
        _exchanged_biases,
        "{names} are exchanged",
        "biases were loaded in another order than matrices",
        "add each bias to its own projection",
        common=True,
        slot="biases",
    ),
    Deviation(
        "context-missing",
        "project",
        _own_keys,
        "{how}",
        "cross-attention ran on the wrong sequence",
        "queries come from X, keys and values from X_context",
        slot="sources",
    ),
    Deviation(
        "keys-reshaped",
        "product",
        _reshaped_keys,
        "K was reshaped where it had to be transposed",
        "reshape keeps the order of the numbers in memory, so that features of different tokens are mixed",
        "transpose the last two axes: Q @ K.transpose(-1, -2)",
        common=True,
    ),
    Deviation(
        "values-reshaped",
        "blend",
        _turned_values,
        "V was reshaped where it had to be left as it is, or transposed",
        "(token, feature) was viewed as (feature, token), which mixes tokens and features",
        "weights @ V, with V as (head, key, feature)",
        common=True,
        slot="cut",
    ),
    Deviation(
        "scores-transposed",
        "product",
        _product_exchanged,
        "{stage} {is_} made with queries and keys exchanged: K · Qᵀ",
        "K · Qᵀ was computed where Q · Kᵀ was meant",
        "rows look at columns: queries first",
        common=True,
    ),
    Deviation(
        "wrong-input",
        "heads",
        _wrong_input,
        "{wrong} stands where {right} belongs",
        "the wrong array was passed on",
        "scores are Q · Kᵀ, and weights blend V",
        common=True,
        slot="roles",
    ),
)
