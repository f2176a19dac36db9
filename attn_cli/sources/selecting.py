"""Read the spellings of indices: `0`, `-1`, `0-3`, `0,5`, `all`."""

import re

from attn_cli.errors import SelectionError, UsageError


def indices(spelling: str | None, count: int, noun: str) -> list[int] | None:
    """The spelled indices below `count`, in order; None for all.

    UsageError for a bad spelling, SelectionError for a missing index; `noun` names the counted kind, `layer` or `head`.
    """
    if spelling is None or spelling.strip() == "all":
        return None
    chosen: set[int] = set()
    for part in spelling.split(","):
        match = re.fullmatch(r"(-?\d{1,9})(?:-(-?\d{1,9}))?", part.strip(), re.ASCII)
        if not match:
            spelled = {"head": "0, -1, 0-3, 0,5, L3.5 or all"}.get(noun, "0, -1, 0-3, 0,5, L3 or all")
            raise UsageError(f"--{noun}: there is no {noun} {part.strip()!r}", hint=f"a {noun} is spelled {spelled}")
        first = _index(match[1], count, noun)
        last = first if match[2] is None else _index(match[2], count, noun)
        if last < first:
            raise UsageError(f"--{noun}: the range {part!r} runs backwards", hint=f"write {match[2]}-{match[1]}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def _index(digits: str, count: int, noun: str) -> int:
    """The index of digits, which count from the end if negative."""
    index = int(digits)
    if not -count <= index < count:
        hint = f"{noun}s are 0 to {count - 1}" if count > 1 else f"there is only {noun} 0"
        raise SelectionError(f"there is no {noun} {index}", hint=hint)
    return index % count
