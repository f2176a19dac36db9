"""Which stored arrays follow from which other stored arrays, and how far they are from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.check.computing.computation import Computation, Heads, Rows
from attn_cli.analysis.check.computing.measured import Measured
from attn_cli.analysis.check.computing.recipe import MADE, Recipe
from attn_cli.analysis.check.dump import CHAIN, FORMS, Dump
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

LARGEST_HALF = 65_504.0
"""The largest float16."""
TARGETS = (
    *("Q", "K", "V", "Q_normed", "K_normed", "Q_rotated", "K_rotated"),
    *(*CHAIN, "weights", "sink_weight", "head_output", "output"),
)
"""The stages that follow from others, in the order of the arithmetic."""

_STEP_OF = {stage: step for step, stage in MADE.items()}


@dataclass(frozen=True)
class Relation:
    """A stored stage, and the stored stages that it is computed from; `given` holds what it may start from."""

    target: str
    given: frozenset[str]
    steps: frozenset[str]
    words: str


def relations(dump: Dump) -> Iterator[Relation]:
    """Each stored stage with the nearest stored stages before it; what has none before it is left out."""
    for target in TARGETS:
        if target in dump.stored or (target == "weights" and dump.averaged is not None):
            relation = _relation(dump, target, nearest=True)
            if relation is not None:
                yield relation


def from_the_start(dump: Dump, target: str, without: Iterable[str] = ()) -> Relation | None:
    """A stored stage with the earliest stored stages that it can be computed from."""
    return _relation(dump, target, nearest=False)


def _relation(dump: Dump, target: str, *, nearest: bool) -> Relation | None:
    steps: set[str] = set()
    sources = _sources(dump, target, steps, nearest=nearest)
    if sources is None:
        return None
    names = list(dict.fromkeys(sources))
    return Relation(
        target, frozenset(names), frozenset(steps), _joined([name for name in names if name != "embedded_context"])
    )


def _sources(dump: Dump, target: str, steps: set[str], *, nearest: bool) -> list[str] | None:
    """What a stage is computed from, by name, and the steps on the way; None where something is missing."""
    if target == "output":
        return _of_output(dump, steps, nearest=nearest)
    if target == "head_output":
        weights = _known(dump, "weights", steps, nearest=nearest)
        values = _known(dump, "V", steps, nearest=nearest)
        steps |= {"blend", "heads"}
        return None if weights is None or values is None else [*weights, *values]
    if target in ("weights", "sink_weight"):
        steps |= {"softmax", "sinks"}
        if target == "sink_weight" and dump.recipe.sinks is None:
            return None
        return _of_scores(dump, len(CHAIN), steps, nearest=nearest)
    if target in CHAIN:
        return _of_scores(dump, CHAIN.index(target), steps, nearest=nearest)
    return _of_form(dump, target, steps, nearest=nearest)


def _known(dump: Dump, name: str, steps: set[str], *, nearest: bool) -> list[str] | None:
    """The stage itself where it is stored and near enough, else what it is made of, else itself."""
    if nearest and name in dump.stored:
        return [name]
    made = _sources(dump, name, steps, nearest=nearest)
    return [name] if made is None and name in dump.stored else made


def _of_output(dump: Dump, steps: set[str], *, nearest: bool) -> list[str] | None:
    if not dump.whole:
        return None
    steps |= {"output"}
    heads = _known(dump, "head_output", steps, nearest=nearest)
    if heads is None:
        return None
    return [*heads, *(["W_O"] if "W_O" in dump.matrices else [])]


def _of_scores(dump: Dump, before: int, steps: set[str], *, nearest: bool) -> list[str] | None:
    """Scores of the latest stored stage before the one at an index of the chain, else queries and keys."""
    earlier = [name for name in CHAIN[:before] if name in dump.stored]
    made: list[str] | None = None
    if not (nearest and earlier):
        parts = [_last_form(dump, letter, steps, nearest=nearest) for letter in "QK"]
        made = None if None in parts else [name for part in parts for name in part or []]
    if made is None and not earlier:
        return None
    start = earlier[-1 if nearest else 0] if made is None else ""
    if not start:
        steps |= {"product", "heads"}
    first = CHAIN.index(start) + 1 if start else 1
    steps |= {
        {"softcapped": "softcap", "biased": "bias", "masked": "mask", "scaled": "scale"}[s]
        for s in CHAIN[first : before + 1]
    }
    return [start] if start else made


def _last_form(dump: Dump, letter: str, steps: set[str], *, nearest: bool) -> list[str] | None:
    """Queries or keys as they are multiplied: the last stored form, and the steps that are still to come."""
    form = dump.latest(letter) if nearest else next((f for f in FORMS[letter] if f in dump.stored), None)
    if form is None or (not nearest and form == letter):
        made = _of_form(dump, letter, set(), nearest=nearest)
        form = letter if made is not None or form is not None else None
        if form is None:
            return None
        names = [letter] if made is None else made
    else:
        names = [form]
    steps |= {step for step in ("norm", "rotate") if not _done(dump, form, step)}
    steps |= {"grow"} if letter == "Q" and form != _last_of(dump.recipe) else set()
    return names


def _done(dump: Dump, form: str, step: str) -> bool:
    if form.endswith("_rotated"):
        return step == "rotate" or not dump.recipe.norm_last
    return form.endswith("_normed") and (step == "norm" or dump.recipe.norm_last)


def _last_of(recipe: Recipe) -> str:
    """The form of queries that their growth by position is part of."""
    if recipe.rotation is None or recipe.norm_last:
        return "Q_normed" if recipe.norm is not None else "Q_rotated" if recipe.rotation is not None else "Q"
    return "Q_rotated"


def _of_form(dump: Dump, target: str, steps: set[str], *, nearest: bool) -> list[str] | None:
    letter, _, made_by = target.partition("_")
    if not made_by:
        source = dump.recipe.sources["QKV".index(letter)]
        vectors = [
            name for name in (source, "embedded" if source == "X" else "embedded_context") if name in dump.stored
        ]
        if f"W_{letter}" not in dump.matrices or not vectors:
            return None
        steps |= {"project", "heads"} | ({"grow"} if target == _last_of(dump.recipe) else set())
        return [vectors[0], f"W_{letter}"]
    order = [letter, f"{letter}_normed", f"{letter}_rotated"]
    if dump.recipe.norm_last:
        order[1:] = order[:0:-1]
    before = [form for form in order[: order.index(target)] if form in dump.stored]
    if not before:
        return None
    start = before[-1] if nearest else before[0]
    done = order.index(start)
    steps |= {"norm" if form.endswith("_normed") else "rotate" for form in order[done + 1 : order.index(target) + 1]}
    steps |= {"grow"} if target == _last_of(dump.recipe) else set()
    return [start]


def _joined(names: list[str]) -> str:
    shown = ["X" if name == "embedded" else name for name in names]
    shown = list(dict.fromkeys(shown))
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


@dataclass(frozen=True, eq=False)
class Gap:
    """How a stored stage differs from what was computed, for each head: whether it fits, the worst cell, its size.

    `expected` is what was computed there. `room` holds all tolerances. `ratio` is the root of the mean square of
    differences over their tolerances.
    """

    fits: Array
    cells: tuple[tuple[int, ...], ...]
    sizes: Array
    expected: tuple[float, ...]
    room: Array
    ratio: float
    spread: float


def stored_target(dump: Dump, target: str, heads: Heads | None = None, rows: Rows = None) -> Array:
    """A stored stage in float64 with a head axis (head, row, column), some heads and rows of it."""
    array = dump.averaged if target == "weights" and "weights" not in dump.stored else dump.stored[target]
    assert array is not None
    kind = STAGES[target]
    whole = array if kind.heads and array.ndim == (3 if kind.columns else 2) else array[np.newaxis]
    if target in ("Q", "Q_normed", "Q_rotated") and whole.shape[1] > dump.queries:
        whole = whole[:, -dump.queries :]
    if kind.columns is None:
        whole = whole[..., np.newaxis]
    picked = whole if heads is None or len(whole) == 1 else whole[list(heads)]
    return np.asarray(picked if rows is None else picked[:, list(rows)], dtype=np.float64)


def made_target(
    computation: Computation, target: str, recipe: Recipe, heads: Heads | None = None, rows: Rows = None
) -> Measured:
    """The same stage computed under a recipe, with a head axis."""
    dump = computation.dump
    if target == "weights" and "weights" not in dump.stored:
        weights = computation.stage(target, recipe, None, rows)
        return Measured(weights.value.mean(axis=0, keepdims=True), weights.variance.mean(axis=0, keepdims=True))
    made = computation.stage(target, recipe, heads, rows)
    kind = STAGES[target]
    if kind.columns is None:
        made = made.mapped(lambda x: x[..., np.newaxis])
    if not kind.heads:
        return made.mapped(lambda x: x[np.newaxis])
    if target[0] in "QKV" and (heads is not None or rows is not None):
        made = made if heads is None else made[list(heads)]
        made = made if rows is None else made[:, list(rows)]
    return made


def same(stored: Array, made: Array) -> Array:
    """Where a stored number is the one that was made: also NaN in both, and an infinity for more than float16 holds."""
    over = np.isinf(stored) & (abs(made) > LARGEST_HALF) & (np.sign(stored) == np.sign(made))
    return np.asarray((stored == made) | (np.isnan(stored) & np.isnan(made)) | over)


def gap(stored: Array, made: Measured, absolute: float, skip: Array | None = None, *, early: bool = False) -> Gap:
    """Compare head by head; the same infinity, or NaN in both, is no difference.

    `skip` (head, row) is left out, and with `early` −∞ in what is stored, which a mask put there too soon.
    """
    if stored.shape != made.value.shape:
        count, nowhere = len(stored), (0,) * (stored.ndim - 1)
        none = np.zeros(count, dtype=bool)
        return Gap(
            none, (nowhere,) * count, np.full(count, np.inf), (float("nan"),) * count, made.value, np.inf, np.inf
        )
    off = abs(stored - made.value)
    off = np.where(same(stored, made.value), 0.0, off)
    off = np.where(np.isnan(off), np.inf, off)
    if early:
        off = np.where(np.isneginf(stored), 0.0, off)
    if skip is not None:
        off = np.where(skip[:, :, np.newaxis], 0.0, off)
    room = made.tolerance() + absolute
    beyond = ~(off <= room)
    fits: Array = np.asarray(~beyond.any(axis=(1, 2)))
    worst = np.where(beyond, off, 0.0).reshape(len(off), -1)
    flat = np.where(fits, off.reshape(len(off), -1).argmax(axis=1), worst.argmax(axis=1))
    cells = tuple(tuple(map(int, np.unravel_index(int(place), off.shape[1:]))) for place in flat)
    sizes = np.array([off[head][cell] for head, cell in enumerate(cells)])
    expected = tuple(float(made.value[head][cell]) for head, cell in enumerate(cells))
    counted = room > 0
    share = np.where(counted, np.minimum(off, 1e150) / np.where(counted, room, 1.0), 0.0)
    ratio = float(np.sqrt(np.mean(np.square(np.minimum(share, 1e150))))) if share.size else 0.0
    spread = float(np.sqrt(np.mean(np.square(np.minimum(off, 1e150))))) if off.size else 0.0
    return Gap(fits, cells, sizes, expected, room, ratio, spread)
