"""The errors of attn, each with a message (the mistake and its place) and a hint (the remedy)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


class AttnError(Exception):
    """A mistake in the input: `message` names it and its place, `hint` says what to type or change."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AttnError):
    """A wrong command line, or an argument without effect."""

    exit_code = 2


class SpecError(AttnError):
    """Impossible settings: a bad spelling, heads that do not divide, shapes that do not fit."""


class DocumentError(AttnError):
    """A missing, damaged or malformed file or stream."""


class SelectionError(AttnError):
    """A missing layer, head, stage or token."""


def nearest(
    typed: str,
    names: Iterable[str],
    *,
    also: Mapping[str, str] = _NONE,
    count: int = 1,
    cutoff: float = 0.6,
) -> list[str]:
    """At most `count` names similar to the typed one, the most similar first; empty if none is similar.

    `also` maps other words to names. A name that differs only in upper and lower case comes before similar names.
    """
    from difflib import get_close_matches  # only errors need it

    known = list(names)
    meant = [also[typed.lower()]] if typed.lower() in also else []
    alike = [name for name in known if name.lower() == typed.lower()]
    return list(dict.fromkeys([*meant, *alike, *get_close_matches(typed, known, count, cutoff)]))[:count]


def did_you_mean(typed: str, names: Iterable[str], *, also: Mapping[str, str] = _NONE, cutoff: float = 0.6) -> str:
    """The beginning of a hint, `did you mean 'causal'? `; empty if no name is similar."""
    return "".join(f"did you mean {name!r}? " for name in nearest(typed, names, also=also, cutoff=cutoff))


def refuse(why: str, options: Mapping[str, object]) -> None:
    """Raise UsageError for the first option (spelling → value) that is set although it cannot act.

    An option is set unless it is None, False or an empty list; 0 is a value.
    """
    for option, value in options.items():
        if not (value is None or value is False or value in ((), [])):
            raise UsageError(f"{option} cannot act here: {why}", hint=f"leave {option} out")
