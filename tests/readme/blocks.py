"""The fenced blocks of a Markdown file, and the commands in those that show a console."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = "..."


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, its lines, and the index of the line after the fence."""

    words: tuple[str, ...]
    lines: tuple[str, ...]
    start: int

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True)
class Command:
    """What is typed after `$ `, the lines it prints, and the index in the file of the first of them.

    A line that ends in a backslash or a bar goes on in the next one, which is indented.
    """

    typed: str
    shown: tuple[str, ...]
    start: int


def blocks_of(path: Path) -> list[Block]:
    """Every fenced block of the file, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    opened: int | None = None
    for place, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if opened is None:
            opened = place
        else:
            words = tuple(lines[opened].removeprefix("```").split())
            found.append(Block(words, tuple(lines[opened + 1 : place]), opened + 1))
            opened = None
    assert opened is None, f"{path.name}:{opened}: this block is not closed"
    return found


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    starts = [place for place, line in enumerate(block.lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"line {block.start + 1}: a console block begins with a command"
    for place, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        first = place + 1
        while block.lines[first - 1].endswith(("\\", " |")):
            first += 1
        typed = "\n".join(block.lines[place:first]).removeprefix("$ ")
        yield Command(typed, block.lines[first:end], block.start + first)


def matches(shown: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether what was printed is what is shown; `...` on a line of its own stands for any lines, or none."""
    parts = [r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(f"{line}\n") for line in shown]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in printed)) is not None


def rewritten(shown: tuple[str, ...], printed: tuple[str, ...]) -> tuple[str, ...]:
    """What was printed, cut as it was shown: as many lines before the first `...` and after the last.

    A part between two `...` begins at the line with which it began.
    """
    if matches(shown, printed):
        return shown
    if LEFT_OUT not in shown:
        return printed
    parts: list[list[str]] = [[]]
    for line in shown:
        if line == LEFT_OUT:
            parts.append([])
        else:
            parts[-1].append(line)
    first, *between, last = parts
    kept = [list(printed[: len(first)])]
    for part in between:
        assert part[0] in printed, f"nothing printed begins with {part[0]!r}: cut this output by hand"
        place = printed.index(part[0])
        kept.append(list(printed[place : place + len(part)]))
    kept.append(list(printed[len(printed) - len(last) :]))
    lines = kept[0]
    for part in kept[1:]:
        lines = [*lines, LEFT_OUT, *part]
    return tuple(lines)


def headings_of(path: Path) -> list[str]:
    """The anchors of a file's headings, as GitHub makes them."""
    fenced = {place for block in blocks_of(path) for place in range(block.start, block.start + len(block.lines))}
    lines = path.read_text(encoding="utf-8").splitlines()
    titles = [line for place, line in enumerate(lines) if line.startswith("#") and place not in fenced]
    return [re.sub(r"[^\w\- ]", "", title.lstrip("#").strip().lower()).replace(" ", "-") for title in titles]
