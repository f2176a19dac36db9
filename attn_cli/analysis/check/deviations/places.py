"""The ways in which tokens are counted wrongly, and position schemes that nobody declared."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe, Rotation, Slopes, Stand
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.deviations.rotations import _STYLES, BASES, _base, _stand
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.positions import Alibi, NoPositions

Changes = Iterator[Variant | Solved]
_WIDEST = 64


def _offset(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is None:
        return
    most = min(dump.keys, _WIDEST)
    far = {dump.keys - dump.queries, dump.keys, dump.queries, *range(1, most)} - {0}
    for steps in sorted(far):
        count = "1 position" if steps == 1 else f"{steps} positions"
        k = recipe.stands[1]
        yield Variant(
            _stand(recipe, k=replace(k, shift=steps)),
            {"how": f"keys stand {count} too far on, or queries {count} too early"},
        )
        yield Variant(
            _stand(recipe, k=replace(k, shift=-steps)),
            {"how": f"queries stand {count} too far on, or keys {count} too early"},
        )


def _rules(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is None:
        return
    index, end, padding = Stand("index"), Stand("end"), Stand("padding")
    declared = Stand()
    ways = [
        (padding, padding, "padding does not count (the running sum of the mask)"),
        (declared, padding, "keys do not count padding, queries do"),
        (padding, declared, "queries do not count padding, keys do"),
        (index, index, "queries and keys both count from 0"),
        (end, end, "queries and keys count by index, the last query on the last key"),
        (end, index, "tokens count by index, whatever position_ids say"),
        (index, declared, "queries count from 0, as without a cache"),
        (declared, index, "keys count from 0"),
    ]
    for q, k, how in ways:
        yield Variant(_stand(recipe, q=q, k=k), {"how": how})


def _added(dump: Dump, recipe: Recipe) -> Changes:
    if isinstance(dump.scheme, NoPositions) and dump.table is None:
        return
    if dump.scheme.added(dump.positions[0][:1], 2) is None and dump.table is None:
        return
    yield Variant(replace(recipe, added=Stand("zero")), {"how": "every token has the vector of position 0"})
    for steps in (1, -1, 2):
        yield Variant(
            replace(recipe, added=Stand(shift=steps)), {"how": f"positions are off by {steps:+d}".replace("-", "−")}
        )
    yield Variant(replace(recipe, added=Stand("index")), {"how": "tokens count from 0, whatever position_ids say"})
    yield Variant(replace(recipe, added=Stand("padding")), {"how": "padding does not count"})
    yield Variant(replace(recipe, added=Stand("left out")), {"how": "they were left out"})
    yield Variant(replace(recipe, added=Stand("twice")), {"how": "they were added twice"})


def _schemes(dump: Dump) -> Iterator[tuple[Rotation | None, Slopes | None, str]]:
    width = dump.head_width("Q") or dump.head_width("K") or 0
    if width % 2 == 0:
        for style in _STYLES:
            for base in BASES[:5]:
                name = "rope" if base == 10000.0 else f"rope:{_base(base)}"
                words = name if style == "half" else f"{name}{',' if ':' in name else ':'}style=interleaved"
                yield Rotation(base, style), None, words
        if width > 2:
            for style in _STYLES:
                yield (
                    Rotation(10000.0, style, width // 2 - width // 2 % 2),
                    None,
                    f"rope of the first {width // 2} features",
                )
    slopes = Alibi().slopes(dump.layer.heads)
    yield None, Slopes(tuple(float(slopes[head]) for head in dump.layer.head_index)), "alibi"


def _undeclared(dump: Dump, recipe: Recipe) -> Changes:
    if recipe.rotation is None and recipe.slopes is None and "positions" not in dump.stated:
        for rotation, slopes, name in _schemes(dump):
            yield Variant(replace(recipe, rotation=rotation, slopes=slopes), {"positions": name})


def _another(dump: Dump, recipe: Recipe) -> Changes:
    if "positions" in dump.stated:
        declared = "rope" if recipe.rotation else "alibi" if recipe.slopes else "none"
        for rotation, slopes, name in _schemes(dump):
            if (rotation is None) != (recipe.rotation is None) or declared == "none":
                yield Variant(replace(recipe, rotation=rotation, slopes=slopes), {"acts": name, "positions": declared})


PLACES = (
    Deviation(
        "rotation-offset",
        "rotate",
        _offset,
        "queries and keys are rotated by positions that do not fit: {how}",
        "the offset of a KV cache was left out, counted twice, or off by one",
        "give queries the positions m − n … m − 1 beside m cached keys",
        common=True,
    ),
    Deviation(
        "rotation-positions",
        "rotate",
        _rules,
        "positions are counted by another rule: {how}",
        "position_ids were not passed on, or made from the padding mask on one side only",
        "use the same position_ids for queries and for the keys in the cache",
        common=True,
    ),
    Deviation(
        "positions-added",
        "project",
        _added,
        "the positions that are added to the embeddings are others: {how}",
        "positions were counted from another token, left out, or padding was counted",
        "add the vector of each token's own position once",
    ),
    Deviation(
        "positions-undeclared",
        "rotate",
        _undeclared,
        "{stage} {follows} under positions {positions}, which the file does not declare",
        "the file does not say how positions enter",
        "declare it (--positions, or positions in the file), so that it can be checked",
        severity="remark",
        common=True,
    ),
    Deviation(
        "positions-differ",
        "rotate",
        _another,
        "positions {positions} are declared, and {stage} {follows} under others: {acts}",
        "the code adds positions in another way",
        "do as declared, or declare positions {acts}",
        general=1,
    ),
)
