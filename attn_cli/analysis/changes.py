"""The steps of one score: its value before and after each, what the step gives, and the numbers that it uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from attn_cli.analysis.following.expected import Expected
from attn_cli.analysis.following.temperatures import temperature_of
from attn_cli.core.positions import Positions
from attn_cli.core.spec import parse_positions
from attn_cli.trace.trace import Layer

CLOSE = 1e-4
"""The largest error that rounding may make, as a share of a slope."""
FARTHEST = 10_000_000
"""The largest distance, in tokens, that a bias may stand for."""


@dataclass(frozen=True)
class ScoreChange:
    """One step on one score: what is stored `before` it and `after` it, and what it gives, `calculated`.

    `numbers` are what the step uses: a factor, a cap, or a slope, a distance and another bias, and what divides the
    result. `calculated` is None where these numbers are not known. `follows` says whether the stored number is the
    calculated one, but for rounding.
    """

    stage: str
    before: float
    after: float
    numbers: Mapping[str, float]
    calculated: float | None
    follows: bool


def changes(
    layer: Layer, head: int, query: int, key: int, scores: Mapping[str, float], expected: Mapping[str, Expected]
) -> tuple[ScoreChange, ...]:
    """The steps from a cell's first stored score to its last, the mask included.

    `expected` says what the row of the query should be at each stage.
    """
    steps = []
    for earlier, stage in pairwise(scores):
        before, after = scores[earlier], scores[stage]
        numbers = _numbers(layer, head, query, key, stage, before, after)
        calculated, follows = (after if "bias" in numbers or "slope" in numbers else None), True
        if stage in expected:
            calculated, follows = float(expected[stage].values[0, key]), not expected[stage].wrong[0, key]
        steps.append(ScoreChange(stage, before, after, numbers, calculated, follows))
    return tuple(steps)


def _numbers(
    layer: Layer, head: int, query: int, key: int, stage: str, before: float, after: float
) -> dict[str, float]:
    settings, divisor = layer.settings, temperature_of(layer, stage)
    divided = {} if divisor == 1 else {"divisor": divisor}
    if stage == "scaled" and settings.scale != "sqrt":
        return {"factor": 1.0 if isinstance(settings.scale, str) else settings.scale} | divided
    if stage == "softcapped" and settings.softcap:
        return {"cap": settings.softcap} | divided
    if stage == "biased" and isfinite(before) and isfinite(after):
        scheme = parse_positions(settings.positions)
        return _bias(scheme, layer, head, query, key, after * divisor - before) | divided
    return {}


def _bias(scheme: Positions, layer: Layer, head: int, query: int, key: int, added: float) -> dict[str, float]:
    """ALiBi's slope and distance if the layer uses it, and the rest of the bias."""
    slopes = scheme.slopes(layer.heads)
    if slopes is None:
        return {"bias": added}
    slope = float(slopes[head])
    distance = round(-(added - _rest(layer, head, query, key, slope, added)) / slope)
    rest = added + slope * distance
    return {"slope": slope, "distance": distance} | ({"bias": rest} if abs(rest) > CLOSE * slope else {})


def _rest(layer: Layer, head: int, query: int, key: int, slope: float, added: float) -> float:
    """The bias besides ALiBi: the stored part `bias`, else whatever the distance of the two tokens does not explain."""
    if "bias" in layer or "position" in layer:
        part = float(layer["bias"][layer.head_index.index(head), query, key]) if "bias" in layer else 0.0
        return part if isfinite(part) else 0.0
    shift = layer.first_query or 0
    rest = added + slope * abs(query + shift - key)
    steps = -added / slope
    another_distance = 0 <= steps < FARTHEST and abs(steps - round(steps)) < CLOSE  # as position_ids may give
    return 0.0 if abs(rest) < CLOSE * slope or another_distance else rest
