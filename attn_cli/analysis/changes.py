"""What each step did to one score: its value before and after, and the numbers that the step works with."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from attn_cli.core.positions import Positions
from attn_cli.core.spec import parse_positions
from attn_cli.trace.trace import Layer


@dataclass(frozen=True)
class Change:
    """One step on one score; `numbers` are the step's own: factor, cap, or slope, distance and what is left to add."""

    stage: str
    before: float
    after: float
    numbers: Mapping[str, float]


def changes(layer: Layer, head: int, query: int, key: int, scores: Mapping[str, float]) -> tuple[Change, ...]:
    """The steps from the first stored score of a cell to its last, hiding included."""
    names = list(scores)
    found = []
    for earlier, stage in pairwise(names):
        before, after = scores[earlier], scores[stage]
        found.append(Change(stage, before, after, _numbers(layer, head, query, key, stage, after - before)))
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
    distance = round(-added / slope)
    if distance < 0 or abs(added + slope * distance) > 1e-4 * slope:  # something else was added: count from 0
        shift = 0 if layer.kind == "cross" or layer.settings.mask == "causal:start" else _shift(layer)
        distance = abs(query + shift - key)
    left = added + slope * distance
    return {"slope": slope, "distance": distance} | ({"bias": left} if abs(left) > 1e-4 * slope else {})


def _shift(layer: Layer) -> int:
    """The position of the first query among the keys: the last query stands on the last key."""
    return len(layer.key_tokens) - len(layer.query_tokens)
