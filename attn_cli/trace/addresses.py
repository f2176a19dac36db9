"""Addresses: L3 is layer 3, L3.5 its head 5; E, D and X are encoder, decoder and cross-attention."""

import re

LETTERS = {"": "L", "encoder": "E", "decoder": "D"}
CROSS = "X"
_NAME = re.compile(r"(?:(?P<stack>encoder|decoder)\.)?layers\.(?P<number>\d+)(?P<cross>\.cross)?")


def address(layer: str, head: int | None = None) -> str:
    """The address of a layer by its name, or of one of its heads: L3, L3.5, E0.1, D0.1, X0.1.

    A layer with any other name keeps it: `mine`, `mine.5`.
    """
    match = _NAME.fullmatch(layer)
    if match is None or (match["cross"] and match["stack"] == "encoder"):
        short = layer
    else:
        short = f"{CROSS if match['cross'] else LETTERS[match['stack'] or '']}{match['number']}"
    return short if head is None else f"{short}.{head}"


def layer_number(layer: str) -> int | None:
    """The number in the name of a layer, counted within its stack; None if the name has none."""
    match = re.fullmatch(r"(?:.*\.)?layers\.(\d+)(?:\..*)?", layer)
    return None if match is None else int(match[1])
