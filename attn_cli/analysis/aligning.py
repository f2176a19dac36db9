"""Pairing the tokens of two texts."""

from collections.abc import Sequence
from difflib import SequenceMatcher


def aligned_positions(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of positions: equal tokens, and, between them, runs of different tokens that are equally long."""
    pairs: list[tuple[int, int]] = []
    for kind, a_start, a_end, b_start, b_end in SequenceMatcher(None, list(a), list(b), autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and a_end - a_start == b_end - b_start):
            pairs += zip(range(a_start, a_end), range(b_start, b_end), strict=True)
    return pairs
