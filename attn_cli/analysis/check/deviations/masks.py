"""The ways in which a declared mask goes wrong: left out, shifted, inverted, on the wrong axis."""

from collections.abc import Iterator
from dataclasses import replace

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.dump import Dump
from attn_cli.core.masks import MASKS, Causal, Chunked, Local, Mask, NoMask, Prefix, Sliding
from attn_cli.core.spelling import spell

Changes = Iterator[Variant | Solved]
_SHIFTS = {1: "the next key too", -1: "no further than the key before its own"}


def spelled(mask: Mask) -> str:
    """A mask as the command line spells it."""
    return spell(mask, MASKS)


def _with(recipe: Recipe, **changes: object) -> Recipe:
    return replace(recipe, hides=replace(recipe.hides, **changes))  # type: ignore[arg-type]


def _left_out(dump: Dump, recipe: Recipe) -> Changes:
    rule = not isinstance(recipe.hides.rule, NoMask)
    if rule:
        yield Variant(_with(recipe, rule=NoMask()), {"what": f"the mask {spelled(recipe.hides.rule)}"})
    if dump.hidden is not None:
        yield Variant(_with(recipe, array="none"), {"what": "attn_mask"})
    if rule and dump.hidden is not None:
        yield Variant(_with(recipe, array="none", rule=NoMask()), {"what": "any mask"})


def _shifted(dump: Dump, recipe: Recipe) -> Changes:
    if isinstance(recipe.hides.rule, NoMask):
        return
    for shift, sees in _SHIFTS.items():
        words = {"mask": spelled(recipe.hides.rule), "sees": sees, "diagonal": str(shift)}
        yield Variant(_with(recipe, shift=shift), words)


def _windows(dump: Dump, recipe: Recipe) -> Changes:
    mask = recipe.hides.rule
    for step in (1, -1):
        for kind, name in ((Sliding, "window"), (Local, "window"), (Prefix, "length"), (Chunked, "size")):
            if isinstance(mask, kind) and getattr(mask, name) + step > 0:
                near = replace(mask, **{name: getattr(mask, name) + step})
                yield Variant(_with(recipe, rule=near), {"mask": spelled(mask), "acts": spelled(near)})


def _corner(dump: Dump, recipe: Recipe) -> Changes:
    mask = recipe.hides.rule
    if isinstance(mask, NoMask) or dump.queries == dump.keys:
        return
    acts = (
        "causal"
        if mask.from_start
        else "causal:start"
        if isinstance(mask, Causal)
        else f"{spelled(mask)} from the start"
    )
    words = {"mask": spelled(mask), "acts": acts, "queries": str(dump.queries), "keys": str(dump.keys)}
    yield Variant(_with(recipe, corner=True), words)


def _inverted(dump: Dump, recipe: Recipe) -> Changes:
    if not isinstance(recipe.hides.rule, NoMask):
        yield Variant(_with(recipe, inverted=True), {"mask": f"the mask {spelled(recipe.hides.rule)}"})
    if dump.hidden is not None:
        yield Variant(_with(recipe, array="inverted"), {"mask": "attn_mask"})


def _transposed(dump: Dump, recipe: Recipe) -> Changes:
    if not isinstance(recipe.hides.rule, NoMask) and dump.queries == dump.keys:
        yield Variant(_with(recipe, transposed=True), {"mask": spelled(recipe.hides.rule)})


def _on_queries(dump: Dump, recipe: Recipe) -> Changes:
    if dump.hidden is not None and dump.queries == dump.keys:
        yield Variant(_with(recipe, array="transposed"))


def _moved_array(dump: Dump, recipe: Recipe) -> Changes:
    if dump.hidden is None:
        return
    for how, words in (("mirrored", "on the other side"), ("next", "one key late"), ("previous", "one key early")):
        yield Variant(_with(recipe, array=how), {"how": words})


WRONG_MASKS = (
    Deviation(
        "mask-missing",
        "mask",
        _left_out,
        "{what} does not act on {stage}",
        "softmax ran on scores that were not masked, or the mask was not passed on",
        "set scores to −∞ where {what} hides, before softmax",
        common=True,
    ),
    Deviation(
        "mask-off-by-one",
        "mask",
        _shifted,
        "the mask {mask} is off by one: a query sees {sees}",
        "the diagonal was counted wrong: tril(k={diagonal}), or a comparison with < for ≤",
        "let query i see the keys up to and including its own: tril(k=0)",
        common=True,
    ),
    Deviation(
        "mask-window-off-by-one",
        "mask",
        _windows,
        "the mask {mask} acts as {acts}",
        "the window is counted without the token itself, or with one more",
        "count the token itself among the window, or declare {acts}",
        common=True,
    ),
    Deviation(
        "mask-aligned-wrong",
        "mask",
        _corner,
        "the mask {mask} stands in the wrong corner: with {queries} queries and {keys} keys it acts as {acts}",
        "a causal mask for fewer queries than keys (a KV cache) was made as for a square",
        "tril(k=keys − queries), so that the last query stands on the last key; or declare {acts}",
        common=True,
    ),
    Deviation(
        "mask-inverted",
        "mask",
        _inverted,
        "{mask} is inverted: what it hides is seen, what it shows is hidden",
        "True means 'may look' in one library and 'hidden' in another",
        "negate the mask",
        common=True,
    ),
    Deviation(
        "mask-transposed",
        "mask",
        _transposed,
        "the mask {mask} is transposed: queries see later keys instead of earlier ones",
        "triu where tril was meant, or rows and columns of the mask were exchanged",
        "rows of the mask are queries: transpose it",
        common=True,
    ),
    Deviation(
        "mask-on-queries",
        "mask",
        _on_queries,
        "attn_mask acts on the wrong axis: it hides queries (rows) instead of keys (columns)",
        "the mask was broadcast as (…, query, 1) where (…, 1, key) was meant, or transposed",
        "give a key mask the shape (…, 1, key)",
        common=True,
    ),
    Deviation(
        "mask-moved",
        "mask",
        _moved_array,
        "attn_mask acts {how}",
        "padding was put on one side and masked on the other, or the mask was cut or rolled by one token",
        "make the mask from the same padded tokens that the keys come from",
        common=True,
    ),
)
