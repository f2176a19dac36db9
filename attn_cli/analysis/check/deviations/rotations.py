"""The ways in which rotary positions go wrong: sides, pairs, base, sign, features, speeds."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe, Stand
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]
BASES = (10000.0, 500000.0, 1e6, 5e5 * 2, 1e5, 1e3, 100.0, 500.0, 5e6, 1e7, 2e4, 4e4, 1.6e5, 2.5e5, 8e6, 3e5, 8e4, 10.0)
"""Bases that models use, and slips of them."""
_STYLES = ("half", "interleaved")


def _turn(recipe: Recipe, **changes: object) -> Recipe:
    assert recipe.rotation is not None
    return replace(recipe, rotation=replace(recipe.rotation, **changes))  # type: ignore[arg-type]


def _stand(recipe: Recipe, q: Stand | None = None, k: Stand | None = None, v: Stand | None = None) -> Recipe:
    own = recipe.stands
    return replace(recipe, stands=(q or own[0], k or own[1], v or own[2]))


def _base(number: float) -> str:
    return f"{number:.6g}"


def _not_rotated(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is not None:
        yield Variant(replace(recipe, rotation=None), {"what": "queries and keys"})
    if recipe.rotation is not None and recipe.norm is not None:
        yield Variant(replace(recipe, rotation=None, norm=None), {"what": "queries and keys (and their norm left out)"})


def _one_side(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is not None:
        yield Variant(_stand(recipe, k=Stand("zero")), {"what": "K", "rest": "Q"})
        yield Variant(_stand(recipe, q=Stand("zero")), {"what": "Q", "rest": "K"})


def _style(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is not None:
        other = _STYLES[rotation.style == "half"]
        yield Variant(_turn(recipe, style=other), {"acts": f"style={other}", "style": rotation.style})


def _other_base(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is None:
        return
    for base in dict.fromkeys(BASES):
        if base != rotation.base:
            yield Variant(_turn(recipe, base=base), {"found": _base(base), "base": _base(rotation.base)})
    yield Solved(
        (2.0, 30.0, 300.0, 3000.0, 30000.0, 200000.0, 3e6, 3e7),
        lambda numbers: _turn(recipe, base=max(abs(numbers[0]), 1.01)),
        lambda numbers: {"found": f"{abs(numbers[0]):.4g}", "base": _base(rotation.base)},
    )


def _features(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is None:
        return
    width = dump.head_width("Q") or dump.head_width("K") or 0
    own = rotation.dim or width
    for dim in range(2, width + 1, 2):
        if dim != own:
            yield Variant(_turn(recipe, dim=dim), {"acts": f"the first {dim}", "dim": str(own)})
            yield Variant(
                _turn(recipe, dim=dim, counted=own), {"acts": f"the first {dim}, at speeds of {own}", "dim": str(own)}
            )
        if dim < width:
            yield Variant(_turn(recipe, dim=dim, last=True), {"acts": f"the last {dim}", "dim": str(own)})


def _speeds(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is None:
        return
    width = dump.head_width("Q") or dump.head_width("K") or 0
    dim = rotation.dim or width
    yield Variant(_turn(recipe, doubled=1), {"how": "base^(i/dim) in place of base^(2i/dim)"})
    yield Variant(_turn(recipe, counted=max(dim // 2, 1)), {"how": "dim/2 in place of dim in base^(2i/dim)"})
    for counted, whose in ((width, "the width of a head"), (width * dump.layer.heads, "the width of all heads")):
        if counted not in (0, dim):
            yield Variant(_turn(recipe, counted=counted), {"how": f"{counted}, {whose}, in place of dim"})
    if rotation.factor != 1:
        yield Variant(_turn(recipe, factor=1.0), {"how": f"positions are not divided by {rotation.factor:g}"})
        yield Variant(
            _turn(recipe, factor=1 / rotation.factor), {"how": f"positions are multiplied by {rotation.factor:g}"}
        )
    for factor in (2.0, 4.0, 8.0, 0.5):
        if factor != rotation.factor:
            yield Variant(_turn(recipe, factor=factor), {"how": f"positions are divided by {factor:g}"})


def _other_factor(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is not None and rotation.frequencies is None:
        yield Solved(
            (0.3, 0.6, 1.5, 3.0, 6.0, 12.0, 30.0),
            lambda numbers: _turn(recipe, factor=max(abs(numbers[0]), 1e-3)),
            lambda numbers: {"how": f"positions are divided by {abs(numbers[0]):.4g}"},
        )


def _without_frequencies(dump: Dump, recipe: Recipe) -> Changes:
    """The plain speeds of a base, where the file holds a frequency for each pair."""
    if (rotation := recipe.rotation) is None or rotation.frequencies is None:
        return
    width = dump.head_width("Q") or dump.head_width("K") or 0
    for base in BASES:
        plain = replace(rotation, frequencies=None, base=base, dim=2 * len(rotation.frequencies))
        yield Variant(replace(recipe, rotation=plain), {"found": f"those of base {_base(base)}"})
        if plain.dim != width:
            whole = replace(plain, dim=None)
            yield Variant(replace(recipe, rotation=whole), {"found": f"those of base {_base(base)}, of all features"})
    turned = replace(rotation, frequencies=rotation.frequencies[::-1])
    yield Variant(replace(recipe, rotation=turned), {"found": "the same in reverse order"})


def _length(dump: Dump, recipe: Recipe) -> Changes:
    if (rotation := recipe.rotation) is None or rotation.length == (1.0, 1.0):
        return
    factor = rotation.length[0]
    for length, how in (
        ((1.0, 1.0), "not made longer"),
        ((factor, 1.0), "made longer of queries alone"),
        ((1.0, factor), "made longer of keys alone"),
        ((factor**2, factor**2), "made longer twice"),
        ((1 / factor, 1 / factor), f"divided by {factor:.4g}"),
    ):
        yield Variant(_turn(recipe, length=length), {"how": how, "factor": f"{factor:.6g}"})


def _sign(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is not None:
        q, k = recipe.stands[:2]
        back = replace(q, sign=-1), replace(k, sign=-1)
        yield Variant(_stand(recipe, q=back[0], k=back[1]), {"what": "queries and keys"})
        yield Variant(_stand(recipe, k=back[1]), {"what": "keys"})
        yield Variant(_stand(recipe, q=back[0]), {"what": "queries"})


def _values_too(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is not None:
        yield Variant(_stand(recipe, v=Stand()))


ROTATIONS = (
    Deviation(
        "rotation-missing",
        "rotate",
        _not_rotated,
        "{stage} {is_} made from {what} that are not rotated",
        "the unrotated queries and keys were used, or every token stood at position 0",
        "rotate queries and keys by their positions before the product",
        common=True,
    ),
    Deviation(
        "rotation-one-sided",
        "rotate",
        _one_side,
        "{what} is not rotated, {rest} is",
        "rotation was applied to {rest} alone, or keys went into the cache before it",
        "rotate both, queries and keys",
        common=True,
    ),
    Deviation(
        "rotation-style",
        "rotate",
        _style,
        "rotary pairs are others: {acts} fits, {style} is declared",
        "features i and i + d/2 are paired in one library, 2i and 2i + 1 in another; weights fit one of them",
        "pair features as the weights were made for, or declare {acts}",
        common=True,
    ),
    Deviation(
        "rotation-base",
        "rotate",
        _other_base,
        "the rotary base is {found} instead of {base}",
        "rope_theta was not read from the config, or is another model's",
        "rotate with base {base}, or declare rope:{found}",
        common=True,
    ),
    Deviation(
        "rotation-sign",
        "rotate",
        _sign,
        "{what} are rotated the other way round",
        "the sign of the angle, or of rotate_half, is wrong",
        "rotate by +position: (x₁ cos − x₂ sin, x₂ cos + x₁ sin)",
        common=True,
    ),
    Deviation(
        "rotation-features",
        "rotate",
        _features,
        "{acts} features of a head are rotated, {dim} are declared",
        "partial rotary: rotary_dim or partial_rotary_factor was left out or applied to another width",
        "rotate the first {dim} features, or declare dim",
        common=True,
    ),
    Deviation(
        "rotation-speeds",
        "rotate",
        _speeds,
        "the rotary speeds are others: {how}",
        "the exponent or the scaling of positions is wrong",
        "position × base^(−2i/dim) for pair i",
    ),
    Deviation(
        "rotation-speeds",
        "rotate",
        _other_factor,
        "the rotary speeds are others: {how}",
        "the exponent or the scaling of positions is wrong",
        "position × base^(−2i/dim) for pair i",
        general=1,
    ),
    Deviation(
        "rotation-frequencies",
        "rotate",
        _without_frequencies,
        "rotary_frequencies do not act: the speeds are {found}",
        "the scaling of rotary positions (rope_scaling) was not read from the config, or not passed on",
        "rotate pair i by position × rotary_frequencies[i]",
        common=True,
    ),
    Deviation(
        "rotation-length",
        "rotate",
        _length,
        "what rotates is {how}; attention_factor is {factor}",
        "the attention factor of stretched rotary positions (YaRN) was left out, or put into one side alone",
        "multiply the cosines and sines of queries and of keys with {factor}",
        common=True,
        slot="length",
    ),
    Deviation(
        "rotation-of-values",
        "blend",
        _values_too,
        "V is rotated too",
        "rotation was applied to queries, keys and values alike",
        "rotate queries and keys alone",
        common=True,
        slot="values",
    ),
)
