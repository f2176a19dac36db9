"""Whether one stored stage follows from the stage before it, and if not, by which mistake."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark
from attn_cli.analysis.check.recipe import gap
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Mistake:
    """What a stage would be with a usual mistake; the finding's code is empty where it is none at all."""

    code: str
    made: Callable[[], Array]
    words: Mapping[str, str] = field(default_factory=dict)


def follow(
    dump: Dump,
    stage: str,
    source: str,
    expected: Array,
    slack: Array,
    mistakes: Iterable[Mistake] = (),
    *,
    skip: Collection[int] = (),
    unsure: bool = False,
) -> Iterator[Mark]:
    """A mark on each head (by its place, none in `skip`) whose stage is not what is expected, within `slack`.

    `unsure` where something may have acted that is not stored: then only a mistake that fits is marked.
    """
    stored = _headed(stage, dump.stages[stage])
    slack = np.broadcast_to(slack, expected.shape)
    found = gap(stored, _headed(stage, expected), _headed(stage, slack))
    left = [place for place in np.flatnonzero(~found.fits).tolist() if place not in skip]
    for mistake in mistakes:
        if not left:
            return
        made = _headed(stage, mistake.made())
        fits = gap(stored, made, _headed(stage, slack)).fits
        for place in [place for place in left if fits[place]]:
            left.remove(place)
            cell = found.places[place]
            numbers = _numbers(stored[place], _headed(stage, expected)[place], cell)
            numbers["with_mistake"] = float(made[place][cell])
            if mistake.code:
                yield dump.mark(
                    mistake.code,
                    stage,
                    place,
                    cell,
                    size=float(found.sizes[place]),
                    evidence=told(numbers),
                    numbers=numbers,
                    words=mistake.words,
                )
    for place in [] if unsure else left:
        cell = found.places[place]
        numbers = _numbers(stored[place], _headed(stage, expected)[place], cell)
        yield dump.mark(
            "does-not-follow",
            stage,
            place,
            cell,
            size=float(found.sizes[place]),
            evidence=told(numbers),
            numbers=numbers,
            words={"source": source},
        )


def told(numbers: Mapping[str, float]) -> str:
    """The evidence in words."""
    words = f"stored {numbers['stored']:.6g}, expected {numbers['expected']:.6g}"
    if "with_mistake" in numbers:
        return f"{words}, with this mistake {numbers['with_mistake']:.6g}"
    return f"{words}: the largest difference is {numbers['difference']:.3g}"


def _numbers(stored: Array, expected: Array, cell: tuple[int, ...]) -> dict[str, float]:
    one, other = float(stored[cell]), float(expected[cell])
    return {"stored": one, "expected": other, "difference": abs(one - other)}


def _headed(stage: str, array: Array) -> Array:
    """With a head axis, of one head where the stage has none."""
    return array if STAGES[stage].heads else array[np.newaxis]
