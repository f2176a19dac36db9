"""Columns that line up on terminals which disagree about the width of a character.

Terminals draw emoji with modifiers and letters with combining marks (Devanagari, Thai, Hebrew points) in one cell or in
several. On a terminal, the cursor is moved to the column where the next text begins, whatever was drawn before it.
"""

import re
from collections.abc import Iterator, Sequence
from unicodedata import category

from attn_cli.views.drawing.boxes import Piece
from attn_cli.views.drawing.text import cells

MOVE = re.compile(rb"\x1b\[\d+G")
"""A movement of the cursor to a column, which a pager does not understand."""
_UNSURE = re.compile("[\N{ZERO WIDTH JOINER}\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")
_WORD = re.compile(r" *[^ ]+")


def is_unsure(text: str) -> bool:
    """Whether terminals may disagree about the width of a text."""
    if text.isascii():
        return False
    return bool(_UNSURE.search(text)) or any(category(character).startswith("M") for character in text)


def in_columns(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces of a line, with a movement of the cursor after each word whose width is unsure."""
    column, moves = 0, False
    for text, style in pieces:
        if not is_unsure(text):
            if moves and (style is not None or text.strip(" ")):
                yield f"\x1b[{column + 1}G", None
                moves = False
            yield text, style
            column += cells(text)
            continue
        for word in [*_WORD.findall(text), text[len(text.rstrip(" ")) :]]:
            if moves and word.strip(" "):
                yield f"\x1b[{column + 1}G", None
            if word:
                yield word, style
                column += cells(word)
                moves = is_unsure(word) or (moves and not word.strip(" "))
