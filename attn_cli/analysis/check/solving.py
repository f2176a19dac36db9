"""The unknown numbers of a deviation, read off what is stored: a look around, then Gauss–Newton."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.check.computing.measured import Measured
from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.deviations.deviation import Numbers, Solved
from attn_cli.trace.trace import Array

_STEPS = 15
_LARGEST = 1e100
_NEAR = 100.0
"""From this mean difference over its tolerance on, a guess is nowhere near."""


@dataclass(frozen=True, eq=False)
class Aim:
    """What a solved recipe has to reproduce: a stored array, and how recipes are computed beside it."""

    stored: Array
    make: Callable[[Recipe], Measured]
    absolute: float

    def off(self, recipe: Recipe, weights: Array | None = None) -> Array:
        """Differences from what is stored, each over its weight where there are weights."""
        off = np.where(np.isfinite(self.stored), self.make(recipe).value - self.stored, 0.0).ravel()
        off = off if weights is None else off / weights
        off = np.nan_to_num(off, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)
        return np.asarray(np.clip(off, -_LARGEST, _LARGEST))

    def tolerances(self, recipe: Recipe) -> Array:
        """How far each number may lie off under a recipe."""
        room = (self.make(recipe).tolerance() + self.absolute).ravel()
        least = np.median(room[room > 0]) * 1e-6 if (room > 0).any() else 1e-300
        return np.maximum(room, max(least, 1e-300))


def solve(solved: Solved, aim: Aim, starts: int = 3) -> Numbers | None:
    """The numbers under which a recipe comes nearest to what is stored, None where they are left to other names.

    The best `starts` guesses are followed by differences over their tolerances, with and without plain ones before. A
    guess that leads nowhere near is left.
    """
    guesses = [(number,) * solved.size for number in solved.guesses]
    ranked = sorted((_cost(_over_tolerance(solved, aim, numbers)), numbers) for numbers in guesses)
    best: tuple[float, Numbers] = (np.inf, ranked[0][1])
    for _, start in ranked[:starts]:
        for near in (start, _refined(solved, aim, start, None)) if starts > 1 else (start,):
            numbers = _refined(solved, aim, near, aim.tolerances(solved.recipe(near)))
            cost = _cost(_over_tolerance(solved, aim, numbers))
            if starts > 1 and 1 < cost < _NEAR:
                numbers = _refined(solved, aim, numbers, aim.tolerances(solved.recipe(numbers)))
                cost = _cost(_over_tolerance(solved, aim, numbers))
            best = min(best, (cost, numbers))
            if best[0] < 1:
                break
        if best[0] < 1:
            break
    return best[1] if np.isfinite(best[0]) and solved.taken(best[1]) else None


def _over_tolerance(solved: Solved, aim: Aim, numbers: Numbers) -> Array:
    recipe = solved.recipe(numbers)
    return np.clip(aim.off(recipe, aim.tolerances(recipe)), -1e6, 1e6)


def _cost(off: Array) -> float:
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(np.square(off)))) if off.size else np.inf


def _refined(solved: Solved, aim: Aim, start: Numbers, room: Array | None) -> Numbers:
    """Gauss–Newton from a start, slopes by small steps; a step that leads away is cut short, and no step ends it."""
    numbers = np.array(start, dtype=np.float64)
    now = aim.off(solved.recipe(start), room)
    for _ in range(_STEPS):
        slopes = np.empty((now.size, numbers.size))
        for place in range(numbers.size):
            moved = numbers.copy()
            step = 1e-6 * max(1e-3, abs(moved[place]))
            moved[place] += step
            slopes[:, place] = (aim.off(solved.recipe(tuple(moved)), room) - now) / step
        square, down = slopes.T @ slopes, -slopes.T @ now
        if not (np.isfinite(square).all() and np.isfinite(down).all()):
            break
        move = np.linalg.lstsq(square, down, rcond=None)[0]
        most = 0.5 * np.maximum(abs(numbers), 1.0)
        before = _cost(now)
        for share in (1.0, 0.3, 0.1, 0.02):
            ahead = numbers + share * np.clip(move, -most, most)
            there = aim.off(solved.recipe(tuple(map(float, ahead))), room)
            if _cost(there) < before:
                break
        else:
            break
        numbers, now = ahead, there
        if _cost(now) > (0.999 if _cost(now) < _NEAR or room is None else 0.9) * before:
            break  # at the bottom, at the last digit, or on a slope that leads nowhere near
    return tuple(float(number) for number in numbers)
