"""The ways in which heads are cut, grouped and exchanged wrongly."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Change, Deviation, Solved, Variant
from attn_cli.analysis.check.deviations.projections import _SETS, _words
from attn_cli.analysis.check.dump import Dump

Changes = Iterator[Variant | Solved]


def _recut(how: str) -> Change:
    def changes(dump: Dump, recipe: Recipe) -> Changes:
        for names in _SETS:
            counts = {dump.layer.heads if name == "Q" else dump.layer.kv_heads for name in names}
            if max(counts) > 1 and dump.whole:
                cuts = tuple(how if name in names else own for name, own in zip("QKV", recipe.cuts, strict=True))
                words = {"names": _words(names), "are": "is" if len(names) == 1 else "are"}
                yield Variant(replace(recipe, cuts=cuts), words)  # type: ignore[arg-type]

    return changes


def _interleaved(dump: Dump, recipe: Recipe) -> Changes:
    widths = {dump.head_width(name) for name in "QKV"}
    if dump.layer.heads > 1 and dump.layer.heads == dump.layer.kv_heads and len(widths) == 1 and dump.whole:
        for how, words in (
            ("qkv by head", "as (head, 3, feature), and lies as (3, head, feature)"),
            ("qkv thirds", "as (3, head, feature), and lies as (head, 3, feature)"),
            ("qkv by feature", "as (head, feature, 3), and lies as (3, head, feature)"),
        ):
            yield Variant(replace(recipe, cuts=(how,) * 3), {"how": words})


def _maps(recipe: Recipe, places: tuple[int, ...]) -> Iterator[tuple[Recipe, str]]:
    for names in ("K and V", "K", "V"):
        yield (
            replace(
                recipe,
                key_heads=places if "K" in names else recipe.key_heads,
                value_heads=places if "V" in names else recipe.value_heads,
            ),
            names,
        )


def _tiled(dump: Dump, recipe: Recipe) -> Changes:
    groups, held = dump.layer.kv_heads, dump.layer.kv_head_index
    used = [head % groups for head in dump.layer.head_index]
    if groups in (1, dump.layer.heads) or not set(used) <= set(held):
        return
    words = {"groups": str(groups), "heads": str(dump.layer.heads), "share": str(dump.layer.heads // groups)}
    for changed, names in _maps(recipe, tuple(held.index(head) for head in used)):
        yield Variant(changed, words | {"names": names})


def _first(dump: Dump, recipe: Recipe) -> Changes:
    groups, held = dump.layer.kv_heads, dump.layer.kv_head_index
    if groups == 1:
        return
    for head in held:
        for changed, names in _maps(recipe, (held.index(head),) * dump.heads):
            yield Variant(changed, {"names": names, "head": str(head)})


def _exchanged(dump: Dump, recipe: Recipe) -> Changes:
    """Two heads exchanged, all in reverse order, or all moved on by one."""
    heads = dump.heads
    orders = {"the heads stand in reverse order": tuple(range(heads))[::-1]}
    orders["the heads are moved on by one"] = tuple((head + 1) % heads for head in range(heads))
    orders["the heads are moved back by one"] = tuple((head - 1) % heads for head in range(heads))
    if heads <= 8:
        for a, b in combinations(range(heads), 2):
            order = list(range(heads))
            order[a], order[b] = b, a
            orders.setdefault(f"heads {a} and {b} are exchanged", tuple(order))
    if heads < 2:
        return
    own = {"Q": recipe.query_heads, "K": recipe.key_heads, "V": recipe.value_heads}
    for how, places in orders.items():
        moved = {name: tuple(there[head] for head in places) for name, there in own.items()}
        for names in ("QKV", "QK", "V", "Q", "K"):
            q, k, v = (moved[name] if name in names else own[name] for name in "QKV")
            changed = replace(recipe, query_heads=q, key_heads=k, value_heads=v)
            yield Variant(changed, {"how": how, "names": _words(names)})
        if not recipe.output_heads:
            yield Variant(replace(recipe, output_heads=places), {"how": how, "names": "head_output"})


HEADS = (
    Deviation(
        "heads-reshaped",
        "heads",
        _recut("reshaped"),
        "{names} {are} cut into heads by reshaping alone",
        "(token, head · feature) was viewed as (head, token, feature), which mixes tokens and features",
        "reshape to (token, head, feature), then exchange the first two axes",
        common=True,
        slot="cut",
    ),
    Deviation(
        "heads-by-feature",
        "heads",
        _recut("features"),
        "{names} {are} cut into heads as (feature, head) instead of (head, feature)",
        "the last axis was viewed as (feature, head), which gives each head every h-th feature",
        "reshape to (token, head, feature)",
        common=True,
        slot="cut",
    ),
    Deviation(
        "qkv-interleaved",
        "heads",
        _interleaved,
        "Q, K and V were cut from one product in the wrong order: {how}",
        "a fused projection orders its columns in one of several ways (GPT-NeoX, Falcon and BLOOM by head)",
        "cut the product in the order its matrix was stored in",
        common=True,
        slot="cut",
    ),
    Deviation(
        "heads-tiled",
        "heads",
        _tiled,
        "grouped heads in the wrong order: of {names}, query head i looks through key/value head i mod {groups}",
        "key/value heads were tiled (repeat) where each has to stand for {share} neighbors (repeat_interleave)",
        "query head i looks through key/value head ⌊i·{groups}/{heads}⌋: repeat_interleave({share}, dim=head)",
        common=True,
        slot="groups",
    ),
    Deviation(
        "heads-one-group",
        "heads",
        _first,
        "every query head looks through key/value head {head}, of {names}",
        "one key/value head was broadcast over all query heads",
        "let query head i look through key/value head ⌊i·g/h⌋",
        common=True,
        slot="groups",
    ),
    Deviation(
        "heads-exchanged",
        "heads",
        _exchanged,
        "{how}, in {names}",
        "heads were stored, loaded or joined in another order",
        "keep heads in the order of the matrices",
        slot="groups",
    ),
)
