"""Every relation of a layer compared, and what does not follow explained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

import numpy as np

from attn_cli.analysis.check.computing.computation import Computation
from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.computing.rounding import Rounding
from attn_cli.analysis.check.deviations.deviation import Solved
from attn_cli.analysis.check.dump import CHAIN, Dump
from attn_cli.analysis.check.findings import Cause, Mark, marked
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.check.numbers import Bad
from attn_cli.analysis.check.relations import (
    Gap,
    Relation,
    from_the_start,
    gap,
    made_target,
    relations,
    stored_target,
)
from attn_cli.analysis.check.search import Explanation, Search
from attn_cli.analysis.check.shares import check_shares
from attn_cli.analysis.check.solving import Aim, solve
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array

_CUT_SHORT = "; of two together, not all were tried, since the file is large"


@dataclass(eq=False)
class Comparing:
    """One layer while its relations are compared, in the order of the arithmetic.

    `compared` are relations in words; `faulty` are stages that hold a fault, `settled` heads of weights that are told.
    """

    dump: Dump
    bad: Bad
    left_out: Array
    recipe: Recipe
    compared: list[str] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)

    def marks(self) -> Iterator[Mark]:
        """What does not follow, with its cause; weights that nothing explains are looked at by themselves."""
        for relation in relations(self.dump):
            yield from self._relation(relation)

    def _relation(self, relation: Relation) -> Iterator[Mark]:
        dump, target = self.dump, relation.target
        unsure = bool(relation.steps & dump.unsure)
        if self.recipe.factor is None and "scale" in relation.steps:
            self._fit_scale(relation)
        tight = self._gap(relation, dump.tight)
        sick = self._sick(relation)
        doubtful = [head for head in np.flatnonzero(~tight.fits).tolist() if head not in sick]
        if not doubtful:
            self._note(relation, sick)
            if target not in dump.stored:
                self.faulty.add(target)
                yield self._average(tight)
            return
        loose = self._gap(relation, dump.loose)
        wrong = [head for head in doubtful if not loose.fits[head]]
        if unsure and wrong:
            if self._fits_silently(relation, sick):
                self._note(relation, sick)
            return
        if wrong and self.faulty & relation.given and self._follows_from_the_start(target, sick):
            return
        self._note(relation, sick)
        yield from self._explained(relation, wrong or doubtful, loose if wrong else tight, certain=bool(wrong))

    def _average(self, found: Gap) -> Mark:
        """What the file stores as weights is their mean over heads."""
        words = f"one matrix for {self.dump.heads} heads, which is the mean of theirs"
        return marked(self.dump, "heads-averaged", "weights", self.dump.heads, found.cells[0], evidence=words)

    def _note(self, relation: Relation, sick: set[int]) -> None:
        """Note a relation as compared, where any of its heads could be."""
        if len(sick) < len(stored_target(self.dump, relation.target)):
            several = relation.target.endswith("s") and relation.target != "masked"
            self.compared.append(f"{relation.target} {'follow' if several else 'follows'} from {relation.words}")

    def _sick(self, relation: Relation) -> set[int]:
        """The heads of a target that hold NaN, or are made of what does."""
        kind = STAGES[relation.target].heads
        sick: set[int] = set()
        for stage in {relation.target, *relation.given}:
            own = STAGES[stage].heads if stage in STAGES else None
            for place in self.bad.get(stage, ()):
                sick |= self._users(own, kind, place)
        return sick

    def _users(self, own: str | None, kind: str | None, place: int) -> set[int]:
        layer = self.dump.layer
        counts = {"query heads": self.dump.heads, "key heads": len(layer.kv_head_index), None: 1}
        if own == kind:
            return {place}
        if own == "key heads" and kind == "query heads":
            head = layer.kv_head_index[place]
            return {at for at, query in enumerate(layer.head_index) if layer.key_head(query) == head}
        return set(range(counts[kind]))

    def _skip(self, target: str) -> Array | None:
        if not self.left_out.any() or STAGES[target].rows != "query":
            return None
        return self.left_out if STAGES[target].heads else np.asarray(self.left_out.any(axis=0, keepdims=True))

    def _gap(self, relation: Relation, rounding: Rounding, recipe: Recipe | None = None) -> Gap:
        computation = Computation(self.dump, relation.given, rounding)
        made = made_target(computation, relation.target, recipe or self.recipe)
        stored = stored_target(self.dump, relation.target)
        early = relation.target in CHAIN[:-1]
        return gap(stored, made, self.dump.absolute(relation.target), self._skip(relation.target), early=early)

    def _follows_from_the_start(self, target: str, sick: set[int]) -> bool:
        start = from_the_start(self.dump, target)
        if start is None or start.steps & self.dump.unsure:
            return False
        fits = self._gap(start, self.dump.loose).fits
        return all(fits[head] or head in sick for head in range(len(fits)))

    def _fits_silently(self, relation: Relation, sick: set[int]) -> bool:
        """Whether a step whose numbers the file does not hold explains the stage: a mask that hides what weighs 0."""
        recipe = replace(self.recipe, hides=replace(self.recipe.hides, zeros=True))
        fits = self._gap(relation, self.dump.loose, recipe).fits
        return all(fits[head] or head in sick for head in range(len(fits)))

    def _fit_scale(self, relation: Relation) -> None:
        """Take the one scale that a stage shows, where neither the file nor a width says it."""
        computation = Computation(self.dump, relation.given, self.dump.tight)
        aim = Aim(
            stored_target(self.dump, relation.target),
            lambda recipe: made_target(computation, relation.target, recipe),
            self.dump.absolute(relation.target),
        )
        change = Solved((0.05, 0.2, 0.5, 1.0), lambda n: replace(self.recipe, factor=n[0]), lambda n: {})
        numbers = solve(change, aim)
        self.recipe = replace(self.recipe, factor=1.0 if numbers is None else numbers[0])

    # what explains it

    def _explained(self, relation: Relation, wrong: list[int], found: Gap, *, certain: bool) -> Iterator[Mark]:
        left, cut_short = list(wrong), False
        for start in self._starts(relation):
            search = Search(
                Computation(self.dump, start.given | self._beside(start), self.dump.tight),
                relation.target,
                self.recipe,
                start.steps,
                found,
                self._skip(relation.target),
            )
            for heads, fits in search.explanations(left, certain=certain).items():
                if certain or fits[0].reach == 2:
                    yield from self._named(relation.target, heads, fits, found, start)
                    left = [head for head in left if head not in heads]
            cut_short = cut_short or search.cut_short
            if not left or not certain:
                break
        if not certain:
            return
        for head in left:
            yield self._unnamed(relation, head, found, cut_short=cut_short)

    def _beside(self, start: Relation) -> frozenset[str]:
        """Queries, keys and values that a mistake may have taken for others, beside those a stage is made of."""
        made = {name[2:] for name in self.dump.matrices if name.startswith("W_")}
        return frozenset(
            name for name in "QKV" if name in self.dump.stored and not (made & {name} and "X" in start.words)
        )

    def _starts(self, relation: Relation) -> list[Relation]:
        """Where to search from: the earliest stored stages, and, where one on the way is faulty, the nearest first."""
        start = from_the_start(self.dump, relation.target)
        if start is None or start.steps & self.dump.unsure or start.given == relation.given:
            return [relation]
        return [relation, start] if self.faulty else [start, relation]

    def _named(
        self, target: str, heads: tuple[int, ...], fits: list[Explanation], found: Gap, start: Relation
    ) -> Iterator[Mark]:
        first, others = fits[0], fits[1:]
        severities = {KINDS[cause.deviation.code].severity for cause in first.causes}
        if "fault" in severities:
            self.faulty.add(target)
        if target == "weights":
            self.settled |= set(heads)
        if target == "scores" and first.key == ("scores-already-scaled",):
            self.recipe = replace(self.recipe, factor=1.0)
        given = start.given | self._beside(start)
        made = made_target(Computation(self.dump, given, self.dump.tight), target, first.recipe)
        alternatives = tuple(
            Cause(c.deviation.code, c.words) for fit in others for c in fit.causes[:1] if len(fit.causes) == 1
        )
        if target == "weights" and target not in self.dump.stored:
            yield self._average(found)
        for head in heads:
            numbers = self._numbers(target, head, found) | {"with_mistake": float(made.value[head][found.cells[head]])}
            for place, cause in enumerate(first.causes):
                yield marked(
                    self.dump,
                    cause.deviation.code,
                    target,
                    head,
                    found.cells[head],
                    size=float(found.sizes[head]),
                    evidence=_evidence(numbers),
                    numbers=_finite(numbers),
                    words=cause.words,
                    alternatives=alternatives if place == 0 else (),
                )

    def _unnamed(self, relation: Relation, head: int, found: Gap, *, cut_short: bool) -> Mark:
        """A head that nothing explains: what its weights show by themselves, else the first stage, cell and size."""
        target = relation.target
        self.faulty.add(target)
        if target == "weights":
            self.settled.add(head)
            if "weights" in self.dump.stored:
                for mark in check_shares(self.dump, head):
                    return mark
        known = self._numbers(target, head, found)
        numbers = _finite(known)
        facts = {"size": float(found.sizes[head]), "evidence": _evidence(known), "numbers": numbers}
        words = {"source": relation.words, "cut": _CUT_SHORT if cut_short else ""}
        code = "does-not-follow" if "stored" in numbers else "not-a-number"
        return marked(self.dump, code, target, head, found.cells[head], words=words, **facts)

    def _numbers(self, target: str, head: int, found: Gap) -> dict[str, float]:
        stored = float(stored_target(self.dump, target)[head][found.cells[head]])
        expected = found.expected[head]
        return {"stored": stored, "expected": expected, "difference": abs(stored - expected)}


def _finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers without infinities and NaN, which JSON cannot hold."""
    return {name: number for name, number in numbers.items() if isfinite(number)}


def _evidence(numbers: Mapping[str, float]) -> str:
    """The numbers in words."""
    words = f"stored {numbers['stored']:.6g}, expected {numbers['expected']:.6g}"
    if "with_mistake" in numbers:
        return f"{words}, with this mistake {numbers['with_mistake']:.6g}"
    return f"{words}: the largest difference is {numbers['difference']:.3g}"
