"""Finding a token among others, by how a user spells it: the token, `token#2` for its second occurrence, an index."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from attn_cli.errors import SelectionError


def place_of(spelling: str, tokens: Sequence[str], what: str) -> int:
    """The place of a token; SelectionError where it is not there, or is there more than once (all named)."""
    places = [place for place, token in enumerate(tokens) if token == spelling]
    if len(places) == 1:
        return places[0]
    if places:
        named = ", ".join(f"{spelling}#{nth} (index {place})" for nth, place in enumerate(places[:8], start=1))
        more = f" and {len(places) - 8} more" if len(places) > 8 else ""
        raise SelectionError(f"{what} {spelling!r} is there {len(places)} times", hint=f"choose {named}{more}")
    token, sign, nth = spelling.rpartition("#")
    if sign and re.fullmatch(r"[1-9][0-9]{0,8}", nth, re.ASCII) and (places := _places(token, tokens)):
        if int(nth) <= len(places):
            return places[int(nth) - 1]
        raise SelectionError(
            f"{what} {spelling!r}: {token!r} is there {_times(len(places))}", hint=f"up to {token}#{len(places)}"
        )
    if re.fullmatch(r"-?[0-9]{1,9}", spelling, re.ASCII):
        if -len(tokens) <= int(spelling) < len(tokens):
            return int(spelling) % len(tokens)
        raise SelectionError(
            f"there is no {what} {spelling}",
            hint=f"indices are 0 to {len(tokens) - 1}" if len(tokens) > 1 else "there is only index 0",
        )
    near = get_close_matches(spelling, tokens, n=1) or [token for token in tokens if token.lower() == spelling.lower()]
    shown = ", ".join(repr(token) for token in dict.fromkeys(tokens[:12])) + (", …" if len(tokens) > 12 else "")
    raise SelectionError(
        f"there is no {what} {spelling!r}", hint=f"did you mean {near[0]!r}?" if near else f"the tokens are {shown}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _places(token: str, tokens: Sequence[str]) -> list[int]:
    return [place for place, other in enumerate(tokens) if other == token]
