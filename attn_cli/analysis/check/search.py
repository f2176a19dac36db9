"""Which deviation reproduces a stored stage: all alone, then with numbers to be solved for, then two together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np

from attn_cli.analysis.check.computing.computation import Computation, Rows
from attn_cli.analysis.check.computing.measured import Measured, NotThereError
from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Deviation, Solved, Variant
from attn_cli.analysis.check.deviations.table import DEVIATIONS
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.analysis.check.relations import Gap, from_the_start, gap, made_target, same, stored_target
from attn_cli.analysis.check.solving import Aim, solve
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

FEW = 6
"""So many rows are tried first."""
_LARGE = 100_000
"""Beyond so many weights, deviations that need all rows are not tried in pairs, and fewer rows are tried first."""
_IN_PAIRS = (1, 3, 8)
"""So many variants of one deviation are tried beside those of another."""
_JUST_SO = 0.05
"""From this mean difference over its tolerance on, a fit is looked at twice."""
_COLUMNS = 24
"""So many columns of an output are tried first."""
_WORK, _LEAST_WORK = 9000.0, 500.0
"""How many tries of pairs are afforded, at first and of files however large, each of one head and a few keys."""
_CELLS = 10_000
"""From so many weights on, half as many are."""
_WORSE = 1.3
"""What lies so many times further off than the best that fits is no alternative to it."""

_BESIDE = {
    "Q": ("K", "V"),
    "K": ("Q", "V"),
    "V": ("Q", "K"),
    "Q_normed": ("K_normed",),
    "K_normed": ("Q_normed",),
    "Q_rotated": ("K_rotated",),
    "K_rotated": ("Q_rotated",),
}
"""What is made by the same step for another of queries, keys and values."""


@dataclass(frozen=True, eq=False)
class Named:
    """A deviation that takes part in an explanation, with its words."""

    deviation: Deviation
    words: Mapping[str, str]
    solved: bool = False


@dataclass(frozen=True, eq=False)
class Explanation:
    """One deviation, or two together, under which a stage is reproduced in these heads (by place).

    `reach` is 2 where all heads fit, 1 where all do that are wrong, 0 where some of those do. `ratio` is the mean
    difference over its tolerance.
    """

    causes: tuple[Named, ...]
    recipe: Recipe
    heads: tuple[int, ...]
    reach: int
    ratio: float
    spread: float

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(cause.deviation.code for cause in self.causes)

    @property
    def general(self) -> float:
        """How little it says: it is named only where nothing that says more fits."""
        return max(cause.deviation.general + (0.5 if cause.solved else 0.0) for cause in self.causes)


@dataclass(eq=False)
class Search:
    """A search for what explains one stored stage, computed from the stages that `computation` starts from.

    `steps` are the steps on the way. `found` is how far the stage is off as declared. `skip` (head, row) marks the rows
    that are left out.
    """

    computation: Computation
    target: str
    recipe: Recipe
    steps: frozenset[str]
    found: Gap
    skip: Array | None = None
    tried: set[Recipe] = field(default_factory=set)
    spent: float = 0.0
    sampled: tuple[int, Rows] = (-1, None)

    @property
    def dump(self) -> Dump:
        return self.computation.dump

    @property
    def cut_short(self) -> bool:
        """Whether pairs are left that were not tried."""
        heads, queries, keys = self.dump.shape
        return self.spent > max(_LEAST_WORK, _WORK / (1 + heads * queries * keys / _CELLS))

    @cached_property
    def few(self) -> Computation:
        """The same computation with a few columns of the output, where it is the target and wide."""
        width = self.dump.stored[self.target].shape[-1] if self.target == "output" else 0
        columns = tuple(map(int, np.linspace(0, width - 1, _COLUMNS))) if width > 2 * _COLUMNS else None
        return self.computation.of_columns(columns)

    def explanations(self, wrong: Sequence[int], *, certain: bool = True) -> dict[tuple[int, ...], list[Explanation]]:
        """For the heads that are wrong: groups of them, each with what explains it equally well.

        Where it is not certain that anything is wrong, only single deviations are tried.
        """
        found: dict[tuple[int, ...], list[Explanation]] = {}
        left, misses = list(wrong), 0
        while left and misses < 2:
            worst = max(left, key=lambda head: self.found.sizes[head])
            fits = self._tiers(worst, left, (4 if not misses else 2) if certain else 2)
            if not fits:
                misses += 1
                left.remove(worst)
                continue
            heads = fits[0].heads
            found[heads] = fits
            left = [head for head in left if head not in heads]
        return found

    def _tiers(self, worst: int, wrong: Sequence[int], most: int) -> list[Explanation]:
        """What explains the worst head: whatever explains all heads before what explains some."""
        self.tried.clear()
        tiers = (self._alone(), self._solved(worst), self._pairs(), self._pairs_solved(worst))
        fits: list[Explanation] = []
        for tier in tiers[:most]:
            fits += [fit for causes, recipe in tier if (fit := self._fit(causes, recipe, worst, wrong)) is not None]
            if not fits:
                continue
            best = max((fit.reach, len(fit.heads)) for fit in fits)
            near = [fit for fit in fits if (fit.reach, len(fit.heads)) == best]
            # What fits just so, where rounding is coarse, may be one of the numbers that are solved for next.
            if (
                len(near[0].causes) > 1
                or tier is not tiers[0]
                or min(fit.ratio for fit in near) < _JUST_SO
                or best[0] < 2
            ):
                return _nearest(self._consistent(near))
        return []

    def _consistent(self, fits: list[Explanation]) -> list[Explanation]:
        """Those that also reproduce what was made beside the target (K beside Q), if any does."""
        beside = [name for name in _BESIDE.get(self.target, ()) if name in self.dump.stored]
        for name in beside:
            agreeing = [fit for fit in fits if self._reproduces(name, fit.recipe)]
            fits = agreeing or fits
        return fits

    def _reproduces(self, name: str, recipe: Recipe) -> bool:
        relation = from_the_start(self.dump, name)
        if relation is None:
            return False
        computation = Computation(self.dump, relation.given, self.computation.rounding)
        made = made_target(computation, name, recipe)
        return bool(gap(stored_target(self.dump, name), made, self.dump.absolute(name)).fits.all())

    # what is tried

    def _changes(self, recipe: Recipe, common: bool = False) -> Iterator[tuple[Deviation, Variant | Solved]]:
        for deviation in DEVIATIONS:
            if (deviation.step in self.steps) and (deviation.common or not common):
                for change in deviation.change(self.dump, recipe):
                    yield deviation, change

    def _alone(self) -> Iterator[tuple[tuple[Named, ...], Recipe]]:
        for deviation, change in self._changes(self.recipe):
            if isinstance(change, Variant):
                yield (Named(deviation, change.words),), change.recipe

    def _solved(self, worst: int) -> Iterator[tuple[tuple[Named, ...], Recipe]]:
        for deviation, change in self._changes(self.recipe):
            if isinstance(change, Solved) and (numbers := self._solve(change, worst)) is not None:
                yield (Named(deviation, change.words(numbers), solved=True),), change.recipe(numbers)

    def _common(self, recipe: Recipe, most: int) -> Iterator[tuple[Deviation, Variant]]:
        for deviation in DEVIATIONS:
            if deviation.common and deviation.step in self.steps and not (deviation.whole and self._is_large()):
                variants = (change for change in deviation.change(self.dump, recipe) if isinstance(change, Variant))
                for change in islice(variants, most):
                    yield deviation, change

    def _is_large(self) -> bool:
        """Whether all rows of all heads are too many to be computed for every pair."""
        heads, queries, keys = self.dump.shape
        return heads * queries * keys > _LARGE

    def _pairs(self) -> Iterator[tuple[tuple[Named, ...], Recipe]]:
        order = {deviation: place for place, deviation in enumerate(DEVIATIONS)}
        for most in _IN_PAIRS[:2] if self._is_large() else _IN_PAIRS:  # the plainest variants of all first
            for first, change in self._common(self.recipe, most):
                for second, other in self._common(change.recipe, most):
                    if order[second] <= order[first] or _slot(first) == _slot(second) or other.recipe in self.tried:
                        continue
                    if self.cut_short:
                        return
                    self.spent += self._price(first, second)
                    yield (Named(first, change.words), Named(second, other.words)), other.recipe

    def _pairs_solved(self, worst: int) -> Iterator[tuple[tuple[Named, ...], Recipe]]:
        for first, change in () if self._is_large() else self._common(self.recipe, most=1):
            for second, other in self._changes(change.recipe, common=True):
                if isinstance(other, Solved) and _slot(first) != _slot(second):
                    if self.cut_short:
                        return
                    self.spent += 30 * self._price(first, second)
                    numbers = self._solve(other, worst, starts=1)
                    if numbers is not None:
                        causes = (Named(first, change.words), Named(second, other.words(numbers), solved=True))
                        yield causes, other.recipe(numbers)

    def _price(self, *deviations: Deviation) -> float:
        """What a try costs, about, where one of one head and a few keys costs 1."""
        dump = self.dump
        heads = 1 if STAGES[self.target].heads else dump.heads
        price = 1.0 + heads * FEW * dump.keys / 16_000
        if any(deviation.step == "project" for deviation in deviations):
            price += dump.keys * max((matrix.size for matrix in dump.matrices.values()), default=0) / 1e6
        return price

    # whether it fits

    def _rows(self, worst: int) -> Rows:
        """A few rows of the worst head: those that are furthest off, and some others."""
        count = self.dump.queries if STAGES[self.target].rows == "query" else self.dump.keys
        few = FEW if not self._is_large() or STAGES[self.target].heads else FEW // 2
        if count <= few:
            return None
        declared = made_target(self.few, self.target, self.recipe, *self._scope(worst))
        off = np.nan_to_num(abs(self._stored(self._scope(worst)[0], None) - declared.value), nan=0.0, posinf=1e9)
        ranked = np.argsort(-off.max(axis=(0, 2)), kind="stable")
        spread = np.linspace(0, count - 1, few - few // 2).astype(int)
        return tuple(sorted({*map(int, ranked[: few // 2]), *map(int, spread)}))

    def _scope(self, worst: int) -> tuple[tuple[int, ...] | None, Rows]:
        return ((worst,) if STAGES[self.target].heads else None), None

    def _stored(self, heads: tuple[int, ...] | None, rows: Rows) -> Array:
        """What is stored of some heads and rows, and of a few columns of an output."""
        stored = stored_target(self.dump, self.target, heads, rows)
        columns = self.few.columns
        return stored if columns is None else stored[..., list(columns)]

    def _attempt(self, recipe: Recipe, heads: tuple[int, ...] | None, rows: Rows) -> Measured | None:
        """The target under a recipe; None where that needs what the file does not hold, or gives another shape."""
        try:
            made = made_target(self.few, self.target, recipe, heads, rows)
        except NotThereError:
            return None
        return made if made.value.shape == self._stored(heads, rows).shape else None

    def _quick(self, recipe: Recipe, worst: int, rows: Rows) -> bool:
        """Whether a few rows of one head fit."""
        heads = self._scope(worst)[0]
        made = self._attempt(recipe, heads, rows)
        if made is None:
            return False
        stored = self._stored(heads, rows)
        fits = abs(stored - made.value) <= made.tolerance() + self.dump.absolute(self.target)
        fits |= same(stored, made.value)
        if self.target in CHAIN[:-1]:
            fits |= np.isneginf(stored)
        if (skip := self._skipped(heads, rows)) is not None:
            fits |= skip[:, :, np.newaxis]
        return bool(fits.all())

    def _skipped(self, heads: tuple[int, ...] | None, rows: Rows) -> Array | None:
        if self.skip is None:
            return None
        skip = self.skip if heads is None or len(self.skip) == 1 else self.skip[list(heads)]
        return skip if rows is None else skip[:, list(rows)]

    def _gap(self, recipe: Recipe, heads: tuple[int, ...] | None, rows: Rows) -> Gap:
        made = made_target(self.computation, self.target, recipe, heads, rows)
        skip = self._skipped(heads, rows)
        stored = stored_target(self.dump, self.target, heads, rows)
        early = self.target in CHAIN[:-1]
        return gap(stored, made, self.dump.absolute(self.target), skip, early=early)

    def _fit(self, causes: tuple[Named, ...], recipe: Recipe, worst: int, wrong: Sequence[int]) -> Explanation | None:
        if recipe in self.tried or recipe == self.recipe:
            return None
        self.tried.add(recipe)
        if not self._quick(recipe, worst, self._sample(worst)):
            return None
        found = self._gap(recipe, None, None)
        if found.room[worst][self.found.cells[worst]] > self.found.sizes[worst]:
            return None  # so much may rounding make of these numbers that they tell nothing
        hit = tuple(head for head in wrong if found.fits[head])
        remark = any(cause.deviation.severity == "remark" for cause in causes)
        if worst not in hit or (remark and 2 * found.fits.sum() <= len(found.fits)):
            return None  # what a file leaves out holds for most heads, if not for all
        reach = 2 if found.fits.all() else 1 if len(hit) == len(wrong) else 0
        whole = reach == 2
        return Explanation(causes, recipe, hit, reach, found.ratio if whole else 1.0, found.spread if whole else 0.0)

    def _sample(self, worst: int) -> Rows:
        if self.sampled[0] != worst:
            self.sampled = (worst, self._rows(worst))
        return self.sampled[1]

    def _solve(self, change: Solved, worst: int, starts: int = 3) -> tuple[float, ...] | None:
        """The unknown numbers of a change: of the worst head and a few rows, or of all where there are several."""
        rows = self._sample(worst)
        if change.size == self.dump.heads > 1 and STAGES[self.target].heads == "query heads":
            return self._solve_by_head(change, worst, rows, starts)
        heads = self._scope(worst)[0] if change.size == 1 else None
        return self._solved_for(change, heads, rows, starts)

    def _solve_by_head(self, change: Solved, worst: int, rows: Rows, starts: int) -> tuple[float, ...] | None:
        """One number for each head, each read off its own head; None where the worst head shows none that fits."""
        alone = replace(change, size=1, recipe=lambda numbers: change.recipe(numbers * change.size))
        first = self._solved_for(alone, (worst,), rows, starts)
        if first is None or not self._quick(alone.recipe(first), worst, rows):
            return None
        found = {head: self._solved_for(alone, (head,), rows, starts) for head in range(change.size) if head != worst}
        numbers = (first if head == worst else found[head] for head in range(change.size))
        return tuple(0.0 if number is None else number[0] for number in numbers)

    def _solved_for(
        self, change: Solved, heads: tuple[int, ...] | None, rows: Rows, starts: int
    ) -> tuple[float, ...] | None:
        stored = self._stored(heads, rows)
        finite = np.isfinite(stored)
        if finite.sum() < 2 * change.size + 1:
            return None
        if self._attempt(change.recipe((change.guesses[0],) * change.size), heads, rows) is None:
            return None

        def make(recipe: Recipe) -> Measured:
            return made_target(self.few, self.target, recipe, heads, rows)

        return solve(change, Aim(stored, make, self.dump.absolute(self.target)), starts)


def _slot(deviation: Deviation) -> str:
    return deviation.slot or deviation.step


def _nearest(fits: list[Explanation]) -> list[Explanation]:
    """Those that fit about as well as the best and say most; each set of codes once."""
    best = min(fit.spread for fit in fits)
    near = [fit for fit in fits if fit.spread <= _WORSE * best + 1e-12]
    least = min(fit.general for fit in near)
    alone: dict[tuple[str, ...], Explanation] = {}
    for fit in near:
        if fit.general == least:
            alone.setdefault(fit.key, fit)
    return list(alone.values())
