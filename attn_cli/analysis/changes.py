"""The steps of one score: its value before and after each, and the numbers that the step uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from attn_cli.core.positions import Positions
from attn_cli.core.spec import parse_positions
from attn_cli.trace.trace import Layer

CLOSE = 1e-4
"""The largest error that rounding may make, as a share of a slope."""
FARTHEST = 10_000_000
"""The largest distance, in tokens, that a bias may stand for."""


@dataclass(frozen=True)
class ScoreChange:
    """One step on one score; `numbers` are what it uses: a factor, a cap, or a slope, a distance and another bias."""

    stage: str
    before: float
    after: float
    numbers: Mapping[str, float]


def changes(layer: Layer, head: int, query: int, key: int, scores: Mapping[str, float]) -> tuple[ScoreChange, ...]:
    """The steps from a cell's first stored score to its last, the mask included."""
    steps = []
    for earlier, stage in pairwise(scores):
        before, after = scores[earlier], scores[stage]
        steps.append(ScoreChange(stage, before, after, _numbers(layer, head, query, key, stage, after - before)))
    return tuple(steps)


def _numbers(layer: Layer, head: int, query: int, key: int, stage: str, added: float) -> dict[str, float]:
    settings = layer.settings
    if stage == "scaled" and not isinstance(settings.scale, str):
        return {"factor": settings.scale}
    if stage == "softcapped" and settings.softcap is not None:
        return {"cap": settings.softcap}
    if stage == "biased":
        return _bias(parse_positions(settings.positions), layer, head, query, key, added)
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
        return float(layer["bias"][layer.head_index.index(head), query, key]) if "bias" in layer else 0.0
    shift = layer.first_query or 0
    rest = added + slope * abs(query + shift - key)
    steps = -added / slope
    another_distance = 0 <= steps < FARTHEST and abs(steps - round(steps)) < CLOSE  # as position_ids may give
    return 0.0 if abs(rest) < CLOSE * slope or another_distance else rest
