"""The space between the tokens of a text, which tokenizers often drop: found again in the text, or from the tokens."""

from collections.abc import Sequence
from unicodedata import normalize

LOOKAHEAD = 32
"""How far to look for a token after one that the text does not hold as it is."""


def gaps(tokens: Sequence[str], text: str | None) -> tuple[str, ...]:
    """The white space before each token: as in the text, where that is known and holds the token, else as usual.

    A token of white space alone is its own text. Without a text, tokens are apart unless they bring their own spaces or
    continue a word, as `##ing` does.
    """
    return _without_text(tokens) if text is None else _in_text(tokens, text)


def bare(token: str) -> str:
    """The token without the space around it; one of white space alone is itself."""
    return token.strip() or token


def _without_text(tokens: Sequence[str]) -> tuple[str, ...]:
    spaced = any(token[:1].isspace() for token in tokens)
    return tuple(
        _leading(token) if spaced else "" if token.startswith("##") or not number else " "
        for number, token in enumerate(tokens)
    )


def _in_text(tokens: Sequence[str], text: str) -> tuple[str, ...]:
    folded, spaces, at, missed = _folded(text), [], 0, 0
    for number, token in enumerate(tokens):
        if not token.strip():
            spaces.append("")
            at += len(token) if text.startswith(token, at) else 0
            continue
        start = at + len(_leading(text[at : at + 1000]))
        wanted = _folded(token.strip().removeprefix("##"))
        where = start if folded.startswith(wanted, start) else -1
        if where < 0 and missed:
            where = folded.find(wanted, start, start + 2 * missed + len(wanted) + LOOKAHEAD)
        if where < 0:
            spaces.append(_leading(token) or text[at:start] or (" " if number else ""))
            at, missed = start, missed + len(token)
            continue
        before = text[at:where]
        space = before[len(before.rstrip()) :]
        spaces.append(space or (" " if missed and number else ""))
        at, missed = where + len(wanted), 0
    return tuple(spaces)


def _leading(token: str) -> str:
    return token[: len(token) - len(token.lstrip())]


def _folded(text: str) -> str:
    """Lower case without accents, each character still at its index."""
    lower = text.lower() if text.isascii() else "".join(map(_plain, text))
    return lower if len(lower) == len(text) else text


def _plain(character: str) -> str:
    return normalize("NFD", character)[:1].lower()[:1] or character
