"""The screen: its width, its colors, and the signs that its encoding has."""

from collections.abc import Sequence
from typing import NamedTuple

from attn_cli.views.drawing.text import MARK, labels, safe


class Signs(NamedTuple):
    """The signs to draw with: shades from the lowest to the highest, and others."""

    shades: str
    more: str
    below: str
    hidden: str
    rule: str
    times: str
    halves: bool
    levels: str
    bar: str


BLOCKS = Signs(
    shades=" ░▒▓█", more="…", below="⋮", hidden="·", rule="─", times="×", halves=True, levels=" ▁▂▃▄▅▆▇█", bar="━╸"
)
ASCII = Signs(
    shades=" .:-=+*#%@",
    more="~",
    below=":",
    hidden="_",
    rule="-",
    times="x",
    halves=False,
    levels=" .:-=+*#%@",
    bar="=-",
)

_PLAIN = str.maketrans(
    {
        "×": "x", "·": "*", "−": "-", "∞": "inf", "√": "sqrt ", "ᵀ": "^T", "→": "->", "…": "...", "–": "-", "—": "-",
        "≥": ">=", "≤": "<=", "≈": "~", "±": "+-", "␣": "_", "∅": "(empty)", "’": "'", "“": '"', "”": '"', "⋮": ":",
        **dict(zip("▁▂▃▄▅▆▇█░▒▓", ".:-=+*#@.-#", strict=True)), "━": "=", "╸": "-",
        "Σ": "sum", "∑": "sum", "₀": "0", "₁": "1", "₂": "2",
    }
)  # fmt: skip


class Screen(NamedTuple):
    """A screen of `width` cells; `color` is Rich's name of its color system, None for no color.

    `height` is its number of lines, 0 for a file or a pipe. `background` is dark or light.
    """

    width: int
    color: str | None = None
    encoding: str = "utf-8"
    height: int = 0
    background: str = "dark"

    @property
    def unicode(self) -> bool:
        return self.encoding.lower().replace("_", "-").startswith("utf")

    @property
    def signs(self) -> Signs:
        return BLOCKS if self.unicode or _has(self.encoding, " ░▒▓█▀▄▁▂▃▅▆▇━╸…⋮·─×−∞") else ASCII

    @property
    def quotes(self) -> tuple[str, str]:
        """The signs on both sides of a token that asks."""
        return ("»", "«") if self.unicode or _has(self.encoding, "»«") else (">", "<")

    @property
    def newline(self) -> str:
        """The sign of a token that ends a line."""
        return "↵" if self.unicode else "\\n"

    @property
    def shaded(self) -> bool:
        """Whether cells differ by their sign, not only by their background."""
        return self.color not in ("truecolor", "256")

    def mask(self, sign: str) -> str:
        """The sign of a masked cell, in characters that the screen has."""
        if sign == "−∞":
            return sign if self.unicode else "-inf"
        return self.signs.hidden

    def spell(self, text: str) -> str:
        """Safe text in characters that the screen has; to be measured afterwards."""
        return self._encodable(safe(text))

    def labels(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Tokens as labels in characters that the screen has."""
        shown = labels(tokens)
        return shown if self.unicode else tuple(map(self._encodable, shown))

    def last(self, text: str) -> str:
        """Laid-out text without the direction marks that the screen does not have."""
        return text if self.unicode else text.replace(MARK, "")

    def _encodable(self, text: str) -> str:
        if self.unicode or text.isascii():
            return text
        return "".join(self._character(c) for c in text)

    def _character(self, character: str) -> str:
        if _has(self.encoding, character):
            return character
        plain = character.translate(_PLAIN)
        return plain if plain.isascii() else plain.encode("ascii", "backslashreplace").decode()


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
