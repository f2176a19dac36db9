"""The next-token predictions of two runs, side by side."""

from dataclasses import dataclass

from attn_cli.errors import SelectionError
from attn_cli.models.next_token import Expected, NextToken, Shift, shift, side_by_side


@dataclass(frozen=True)
class Prediction:
    """The likeliest next tokens of A and B, and how far the distribution moved; `top` is A's likeliest token."""

    tokens: tuple[NextToken, ...]
    shift: Shift
    top: str


def prediction(before: Expected, after: Expected, count: int) -> Prediction:
    """The `count` likeliest tokens of each run; SelectionError if their vocabularies differ in size."""
    if before.logs.shape != after.logs.shape:
        raise SelectionError(
            f"A has a vocabulary of {len(before.logs)} tokens, B of {len(after.logs)}", hint="leave --next out"
        )
    moved = shift(before.logs, after.logs)
    return Prediction(side_by_side(before, after, count), moved, before.name(moved.top))
