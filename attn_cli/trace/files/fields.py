"""Read single keys of a document: words, counts, lists of tokens; an error names a wrong value by its path."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from attn_cli.errors import DocumentError, did_you_mean
from attn_cli.trace.files.checker import quoted

T = TypeVar("T")


@dataclass(frozen=True)
class Fields:
    """An object in a document, and its path for errors (`trace.json: layers[0].`).

    Each reader returns the default if the key is missing or null, and raises DocumentError for a wrong value.
    """

    values: Mapping[str, Any]
    path: str

    def __contains__(self, key: str) -> bool:
        """Whether the object has the key and its value is not null."""
        return self.values.get(key) is not None

    def refuse(self, key: str, expected: str, value: Any) -> NoReturn:
        """Raise DocumentError with the expected kind of value and the actual value."""
        raise DocumentError(
            f"{self.path}{key}: expected {expected}, found {quoted(value)}", hint=f"put {expected} there"
        )

    def only(self, known: Collection[str]) -> None:
        """Raise DocumentError for the first unknown key; the hint names the nearest known key."""
        for key in self.values:
            if key not in known:
                hint = did_you_mean(key, known) or f"known are {', '.join(known)}"
                raise DocumentError(f"{self.path.rstrip(' .:')}: unknown key {key!r}", hint=hint)

    def _read(self, key: str, default: T, expected: str, fits: Callable[[Any], bool]) -> Any | T:
        value = self.values.get(key)
        if value is None:
            return default
        if not fits(value):
            self.refuse(key, expected, value)
        return value

    def word(self, key: str, default: T) -> str | T:
        """A string that is not blank."""
        return self._read(key, default, "a word", lambda value: isinstance(value, str) and value.strip() != "")

    def text(self, key: str) -> str | None:
        """Any string."""
        text: str | None = self._read(key, None, "a text", lambda value: isinstance(value, str))
        return text

    def choice(self, key: str, default: T, choices: Collection[str]) -> str | T:
        """One of these words."""
        expected = f"one of {', '.join(choices)}"
        return self._read(key, default, expected, lambda value: isinstance(value, str) and value in choices)

    def count(self, key: str, default: T, least: int = 1) -> int | T:
        """A whole number from `least`."""
        return self._read(key, default, f"a whole number from {least}", lambda value: _is_count(value, least))

    def number(self, key: str, words: tuple[str, ...], default: T) -> float | str | T:
        """A finite number, or one of these words."""
        expected = " or ".join(["a number", *words])
        value = self._read(key, default, expected, lambda value: _is_number(value) or value in words)
        return float(value) if isinstance(value, int) else value

    def strings(self, key: str) -> tuple[str, ...] | None:
        """A list of strings."""
        return self._each(key, "a string", lambda value: isinstance(value, str))

    def counts(self, key: str) -> tuple[int, ...] | None:
        """A list of whole numbers from 0."""
        return self._each(key, "a whole number from 0", lambda value: _is_count(value, 0))

    def object(self, key: str, default: T) -> dict[str, Any] | T:
        """A JSON object."""
        return self._read(key, default, "an object", lambda value: isinstance(value, dict))

    def _each(self, key: str, expected: str, fits: Callable[[Any], bool]) -> tuple[Any, ...] | None:
        values = self._read(key, None, f"a list, each {expected}", lambda value: isinstance(value, list))
        if values is None:
            return None
        for index, value in enumerate(values):
            if not fits(value):
                self.refuse(f"{key}[{index}]", expected, value)
        return tuple(values)


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
