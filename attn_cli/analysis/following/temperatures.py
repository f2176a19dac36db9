"""The temperature of a stage: what its scores were divided by after its own step."""

import re

from attn_cli.trace.trace import Layer

_DIVIDED = re.compile(r"\) / ([0-9.]+(?:e[-+]?[0-9]+)?)(?=$|;|   )")


def temperature_of(layer: Layer, stage: str) -> float:
    """What a layer divided the scores of a stage by, 1 for nothing; the formula of the stage says it."""
    formula = next((made.formula for made in layer.stages if made.name == stage), "")
    match = _DIVIDED.search(formula)
    return (float(match[1]) or 1.0) if match else 1.0
