"""Finding a token among others, by how a user spells it: the token, `token#2` for its second occurrence, an index."""

import re
from collections.abc import Sequence

from attn_cli.errors import SelectionError, did_you_mean


def position_of(spelling: str, tokens: Sequence[str], what: str) -> int:
    """The position of a token; SelectionError if it does not occur, or occurs more than once (all are named)."""
    positions = _positions(spelling, tokens)
    if len(positions) == 1:
        return positions[0]
    if positions:
        named = ", ".join(f"{spelling}#{nth} (index {position})" for nth, position in enumerate(positions[:8], start=1))
        more = f" and {len(positions) - 8} more" if len(positions) > 8 else ""
        raise SelectionError(f"{what} {spelling!r} occurs {len(positions)} times", hint=f"choose {named}{more}")
    token, sign, nth = spelling.rpartition("#")
    if sign and re.fullmatch(r"[1-9][0-9]{0,8}", nth, re.ASCII) and (positions := _positions(token, tokens)):
        if int(nth) <= len(positions):
            return positions[int(nth) - 1]
        raise SelectionError(
            f"{what} {spelling!r}: {token!r} occurs {_times(len(positions))}", hint=f"up to {token}#{len(positions)}"
        )
    if re.fullmatch(r"-?[0-9]{1,9}", spelling, re.ASCII):
        if -len(tokens) <= int(spelling) < len(tokens):
            return int(spelling) % len(tokens)
        raise SelectionError(
            f"there is no {what} {spelling}",
            hint=f"indices are 0 to {len(tokens) - 1}" if len(tokens) > 1 else "there is only index 0",
        )
    shown = ", ".join(repr(token) for token in dict.fromkeys(tokens[:12])) + (", …" if len(tokens) > 12 else "")
    raise SelectionError(
        f"there is no {what} {spelling!r}", hint=f"{did_you_mean(spelling, tokens)}the tokens are {shown}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _positions(wanted: str, tokens: Sequence[str]) -> list[int]:
    return [position for position, token in enumerate(tokens) if token == wanted]
