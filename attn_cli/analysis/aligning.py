"""Which tokens of two texts stand for each other."""

from collections.abc import Sequence
from difflib import SequenceMatcher


def aligned_places(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places: tokens that are the same, and runs of as many others between them, one for one."""
    pairs: list[tuple[int, int]] = []
    for kind, start, end, other, other_end in SequenceMatcher(None, list(a), list(b), autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and end - start == other_end - other):
            pairs += zip(range(start, end), range(other, other_end), strict=True)
    return pairs
