"""Indices as users spell them: `0`, `-1`, `0-3`, `0,5`, `all`."""

import re

from attn_cli.errors import SelectionError, UsageError


def indices(spelling: str | None, count: int, what: str) -> list[int] | None:
    """The indices a spelling means among `count`, in order; None for all of them."""
    if spelling is None or spelling.strip() == "all":
        return None
    chosen: set[int] = set()
    for part in spelling.split(","):
        match = re.fullmatch(r"(-?\d{1,9})(?:-(-?\d{1,9}))?", part.strip(), re.ASCII)
        if not match:
            spelled = {"head": "0, -1, 0-3, 0,5, L3.5 or all"}.get(what, "0, -1, 0-3, 0,5, L3 or all")
            raise UsageError(f"--{what}: there is no {what} {part.strip()!r}", hint=f"a {what} is spelled {spelled}")
        first = _one(match[1], count, what)
        last = first if match[2] is None else _one(match[2], count, what)
        if last < first:
            raise UsageError(f"--{what}: {part!r} runs backwards", hint=f"write {match[2]}-{match[1]}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def _one(digits: str, count: int, what: str) -> int:
    index = int(digits)
    if not -count <= index < count:
        there = f"{what}s are 0 to {count - 1}" if count > 1 else f"there is only {what} 0"
        raise SelectionError(f"there is no {what} {index}", hint=there)
    return index % count
