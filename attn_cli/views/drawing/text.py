r"""Text that is safe to print and measured in terminal cells, however hostile the token it came from.

Characters that a terminal would obey or not show (categories Cc, Cf, Cs, Zl, Zp, unusual spaces, marks without a base
character, unassigned code points and private ones beyond U+FFFF) are spelled out as `\x1b`, `\u202e` and so on; the
joiner in an emoji family and selectors after a base character stay.
Right-to-left letters stay too. `pad` and `wrap` put a LEFT-TO-RIGHT MARK (no cells wide) on both sides of them, so that
a terminal which reorders text does so inside the cell and never swaps columns.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from unicodedata import bidirectional, category

MARK = "\N{LEFT-TO-RIGHT MARK}"
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Latin, Greek, Cyrillic, arrows, formulas, lines: each character is shown as it is, alone, in one cell.
_SIMPLE = re.compile(
    r"[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482\u048a-\u052f\u1d00-\u1dbf"
    r"\u2010-\u2027\u2030-\u205e\u2070\u2071\u2074-\u208e\u2090-\u209c\u20a0-\u20bf\u2100-\u218b\u2190-\u2319\u2500-\u25fc]*"
)
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def labels(tokens: Sequence[str]) -> tuple[str, ...]:
    """Tokens as labels: safe text, with ␣ for spaces at the ends, and ∅ for an empty token."""
    return tuple(_label(token) for token in tokens)


def safe(text: str) -> str:
    """Text without characters that a terminal would obey or not show; plain spaces stay."""
    if _SIMPLE.fullmatch(text):
        return text
    return "".join(_spelled(cluster) for cluster in clusters(text))


def cells(text: str) -> int:
    """The width of safe text in terminal cells."""
    if _SIMPLE.fullmatch(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fit(label: str, width: int, more: str = "…") -> str:
    """Safe text cut to a width in cells, with `…` at the end if it was cut."""
    if cells(label) <= width:
        return label
    room = width - cells(more)
    if room < 0:
        return ""
    kept, used = [], 0
    for cluster in clusters(label):
        used += cells(cluster)
        if used > room:
            break
        kept.append(cluster)
    return "".join(kept) + more


def pad(label: str, width: int, *, right: bool = False, more: str = "…") -> str:
    """Safe text in exactly `width` cells, cut or padded with spaces."""
    label = fit(label, width, more)
    space = " " * (width - cells(label))
    return space + isolated(label) if right else isolated(label) + space


def isolated(text: str) -> str:
    """The text, with marks that keep right-to-left letters from reordering their surroundings."""
    if _SIMPLE.fullmatch(text) or not any(bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        return text
    return f"{MARK}{text}{MARK}"


def wrap(text: str, width: int, hanging: int = 0) -> Iterator[str]:
    """Lines of safe text, broken between words; lines after the first are indented by `hanging` cells."""
    hanging = max(0, min(hanging, width // 2, width - 2))  # a wide character needs two cells
    line, used = "", 0
    for word in _words(text):
        space = len(word) - len(word.lstrip(" "))
        if used and used + cells(word) > width:
            yield line.rstrip(" ")
            line, used = " " * hanging, hanging
            word, space = word.lstrip(" "), 0  # noqa: PLW2901
        if used + cells(word) > width:
            *heads, word = _pieces(word, width - used, width - hanging)  # noqa: PLW2901
            for head in heads:
                yield line + isolated(head)
                line, used, space = " " * hanging, hanging, 0
        line += word[:space] + isolated(word[space:])
        used += cells(word)
    if used or not text:
        yield line.rstrip(" ")


def clusters(text: str) -> list[str]:
    """The grapheme clusters: what a reader sees as single characters."""
    if _SIMPLE.fullmatch(text):
        return list(text)
    return list(_patterns()[0].findall(text))


def escape(character: str) -> str:
    r"""The escape of a character that is not printed as itself: `\n`, `\x1b`, `\u202e`."""
    return character.encode("unicode_escape").decode("ascii")


@lru_cache(maxsize=4096)
def _label(token: str) -> str:
    if not token:
        return "∅"
    inner = token.strip(" ")
    before = len(token) - len(token.lstrip(" ")) if inner else len(token)
    after = len(token) - len(token.rstrip(" ")) if inner else 0
    return "␣" * before + safe(inner) + "␣" * after


def _spelled(cluster: str) -> str:
    _, emoji, alone = _patterns()
    if emoji.fullmatch(cluster):
        return cluster
    if alone.match(cluster):
        return "".join(map(escape, cluster))
    return "".join(c if c == " " or category(c) not in _OBEYED else escape(c) for c in cluster)


@lru_cache(maxsize=1)
def _patterns() -> tuple[Any, Any, Any]:
    """Patterns of a cluster, of emoji joined into one, and of a cluster that begins with a zero-width character."""
    import regex  # type: ignore[import-untyped]

    first = r"(?:\p{Emoji_Presentation}\p{Emoji_Modifier}?|\p{Extended_Pictographic}\ufe0f)"
    later = r"\p{Extended_Pictographic}\p{Emoji_Modifier}?\ufe0f?"
    unseen = r"\p{M}\p{Cn}\p{Default_Ignorable_Code_Point}\p{Emoji_Modifier}"
    none = rf"[{unseen}\u1160-\u11ff\ud7b0-\ud7fb\U000f0000-\U0010ffff]"
    return regex.compile(r"\X"), regex.compile(rf"{first}(?:\u200d{later})+"), regex.compile(none)


def _words(text: str) -> Iterator[str]:
    """Words with the spaces before them."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or (text[end] == " " and text[end - 1] != " "):
            yield text[start:end]
            start = end


def _pieces(word: str, first: int, later: int) -> Iterator[str]:
    """The word in pieces of whole clusters, the first at most `first` cells wide, others `later`; the last has room."""
    if _SIMPLE.fullmatch(word) and min(first, later) > 0:
        yield word[:first]
        for start in range(first, len(word), later):
            yield word[start : start + later]
        return
    piece, used, room = "", 0, first
    for cluster in clusters(word):
        width = cells(cluster)
        if piece and used + width > room:
            yield piece
            piece, used, room = "", 0, later
        piece, used = piece + cluster, used + width
    yield piece
    if used > room:  # one cluster that is wider than a line
        yield ""
