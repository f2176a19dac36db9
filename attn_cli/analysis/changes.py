"""What each step did to one score: its value before and after, and the numbers that the step works with."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from attn_cli.core.positions import Positions
from attn_cli.core.spec import parse_positions
from attn_cli.trace.trace import Layer

CLOSE = 1e-4
"""A part of a slope that rounding may make."""
FARTHEST = 10_000_000


@dataclass(frozen=True)
class ScoreChange:
    """One step on one score; `numbers` are the step's own: factor, cap, or slope, distance and what is left to add."""

    stage: str
    before: float
    after: float
    numbers: Mapping[str, float]


def changes(layer: Layer, head: int, query: int, key: int, scores: Mapping[str, float]) -> tuple[ScoreChange, ...]:
    """The steps from the first stored score of a cell to its last, hiding included."""
    names = list(scores)
    found = []
    for earlier, stage in pairwise(names):
        before, after = scores[earlier], scores[stage]
        found.append(ScoreChange(stage, before, after, _numbers(layer, head, query, key, stage, after - before)))
    return tuple(found)


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
    """ALiBi's slope and distance where the layer has it, and what is left of the bias."""
    slopes = scheme.slopes(layer.heads)
    if slopes is None:
        return {"bias": added}
    slope = float(slopes[head])
    distance = round(-(added - _rest(layer, head, query, key, slope, added)) / slope)
    left = added + slope * distance
    return {"slope": slope, "distance": distance} | ({"bias": left} if abs(left) > CLOSE * slope else {})


def _rest(layer: Layer, head: int, query: int, key: int, slope: float, added: float) -> float:
    """What is added beside ALiBi: the part that says so, else whatever does not fit the distance of the two tokens."""
    if "bias" in layer or "position" in layer:
        return float(layer["bias"][layer.head_index.index(head), query, key]) if "bias" in layer else 0.0
    shift = 0 if layer.kind == "cross" or layer.settings.mask == "causal:start" else _shift(layer)
    rest = added + slope * abs(query + shift - key)
    steps = -added / slope
    stands_elsewhere = 0 <= steps < FARTHEST and abs(steps - round(steps)) < CLOSE
    return 0.0 if abs(rest) < CLOSE * slope or stands_elsewhere else rest


def _shift(layer: Layer) -> int:
    """The position of the first query among the keys: the last query stands on the last key."""
    return len(layer.key_tokens) - len(layer.query_tokens)
