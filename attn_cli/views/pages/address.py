"""Addresses of layers and heads: L3 and L3.5; E, D and X in an encoder-decoder, for cross-attention X."""

import re

_STACKS = {"encoder": "E", "decoder": "D", "": "L"}


def short(name: str) -> str:
    """A layer's name in short: layers.3 is L3, encoder.layers.0 is E0, decoder.layers.0.cross is X0."""
    match = re.fullmatch(r"(?:(encoder|decoder)\.)?layers\.(\d+)(\.cross)?", name)
    if match is None:
        return name
    return ("X" if match[3] else _STACKS[match[1] or ""]) + match[2]


def address(layer: str, head: int) -> str:
    """A head of a layer: L3.5."""
    return f"{short(layer)}.{head}"
