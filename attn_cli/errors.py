"""The errors of attn, each with a message (what is wrong, and where) and a hint (what to do)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


class AttnError(Exception):
    """The input is wrong: `message` says what and where, `hint` says what to type or change."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AttnError):
    """The command line is wrong, or an argument that cannot act."""

    exit_code = 2


class SpecError(AttnError):
    """The settings are impossible: a bad spelling, heads that do not divide, shapes that do not fit."""


class DocumentError(AttnError):
    """A file or stream is not what it should be."""


class SelectionError(AttnError):
    """There is no such layer, head, stage or token."""


def nearest(
    typed: str,
    names: Iterable[str],
    *,
    also: Mapping[str, str] = _NONE,
    count: int = 1,
    cutoff: float = 0.6,
) -> list[str]:
    """The names nearest to what was typed, the nearest first, at most `count`; none where none is near.

    `also` has other words for some of them. A name that differs in upper and lower case alone is nearer than others.
    """
    from difflib import get_close_matches  # only errors need it

    known = list(names)
    meant = [also[typed.lower()]] if typed.lower() in also else []
    alike = [name for name in known if name.lower() == typed.lower()]
    return list(dict.fromkeys([*meant, *alike, *get_close_matches(typed, known, count, cutoff)]))[:count]


def did_you_mean(typed: str, names: Iterable[str], *, also: Mapping[str, str] = _NONE, cutoff: float = 0.6) -> str:
    """The beginning of a hint: `did you mean 'causal'? `, or nothing where no name is near."""
    return "".join(f"did you mean {name!r}? " for name in nearest(typed, names, also=also, cutoff=cutoff))


def refuse(why: str, options: Mapping[str, object]) -> None:
    """Raise UsageError for the first option, by its spelling, that is set although it cannot act.

    An option is set unless it is None, False or an empty list; 0 is a value.
    """
    for option, value in options.items():
        if not (value is None or value is False or value in ((), [])):
            raise UsageError(f"{option} cannot act here: {why}", hint=f"leave {option} out")
