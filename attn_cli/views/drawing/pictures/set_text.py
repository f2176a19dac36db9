"""Setting a text in lines: broken where it has lines of its own, and between words."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from attn_cli.views.drawing.screen import Screen
from attn_cli.views.drawing.text import cells, clusters
from attn_cli.views.page import Passage

TAB = 4
DEEPEST = 24
"""The most spaces at the start of a line."""
WIDEST = 12
"""The most spaces of one token that are shown."""
_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

Part = tuple[str, int | None]
"""A text, and the key that it shows; None for space."""


class TextLine(NamedTuple):
    """One line of a text; `keys` are the keys that begin in it."""

    parts: tuple[Part, ...]
    keys: tuple[int, ...]


class Marks(NamedTuple):
    """The texts that stand behind some tokens, which are put in brackets; white space is spelled in `strong` tokens."""

    texts: Mapping[int, str]
    strong: Collection[int]


class _Word(NamedTuple):
    """Tokens that stand together, and the space before them; `breaks` says that they begin a line."""

    breaks: bool
    space: str
    tokens: list[tuple[str, int]]


def set_text(block: Passage, marks: Marks, screen: Screen, width: int) -> list[TextLine]:
    """The lines of a passage at most `width` cells wide."""
    lines: list[TextLine] = []
    parts: list[Part] = []
    keys: list[int] = []
    used = 0

    def end() -> None:
        nonlocal used
        if parts:
            lines.append(TextLine(tuple(parts), tuple(keys)))
        parts.clear()
        keys.clear()
        used = 0

    for breaks, space, tokens in _words(block, marks, screen):
        size = sum(cells(text) for text, _ in tokens)
        over = used + len(space) + size > width
        if breaks or over:
            end()
        if (used or breaks) and space and len(space) < width:
            parts.append((space, None))
            used += len(space)
        for text, key in tokens:
            for number, piece in enumerate(_cut(text, width)):
                if used + cells(piece) > width:
                    end()
                parts.append((piece, key))
                keys += [key] * (number == 0)
                used += cells(piece)
    end()
    return lines


def _words(block: Passage, marks: Marks, screen: Screen) -> Iterator[_Word]:
    asks = set(block.queries) if len(block.queries) == 1 else set()
    word = _Word(False, "", [])
    broken = False
    for key, (token, gap) in enumerate(zip(block.tokens, block.gaps, strict=True)):
        *before, space = _BREAK.split(gap)
        if (gap or broken) and word.tokens:
            yield word
            word = _Word(False, "", [])
        if gap or broken:
            indent = " " * min(len(space.replace("\t", " " * TAB)), DEEPEST)
            word = _Word(bool(before) or broken, indent if before or broken else " ", [])
        text = screen.signs.hidden if block.masked[key] else _shown(token, screen, spaces=key in marks.strong)
        if key in asks:
            text = text.join(screen.quotes)
        if key in marks.texts:
            text = f"[{text}]{marks.texts[key]}"
        word.tokens.append((text, key))
        broken = "\n" in token
    if word.tokens:
        yield word


def _shown(token: str, screen: Screen, *, spaces: bool) -> str:
    """A token as it stands in a text: without the space around it, which with `spaces` is spelled by signs."""
    inner = token.strip()
    if inner:
        return screen.labels([inner])[0]
    if not token:
        return screen.labels([token])[0]
    if spaces and token.strip(" "):
        return screen.spell(token.replace("\n", "\0")).replace("\\x00", screen.newline)
    return screen.labels([token[:WIDEST]])[0] if spaces else " " * min(len(token), WIDEST) * ("\n" not in token)


def _cut(text: str, width: int) -> Iterator[str]:
    """The text in pieces that fit on a line."""
    piece, used = "", 0
    for cluster in [text] if cells(text) <= width else clusters(text):
        size = cells(cluster)
        if piece and used + size > width:
            yield piece
            piece, used = "", 0
        piece, used = piece + cluster, used + size
    yield piece
