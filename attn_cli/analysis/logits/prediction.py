"""What two runs of language models expect next, side by side."""

from dataclasses import dataclass

from attn_cli.errors import SelectionError
from attn_cli.models.next_token import Expected, NextToken, Shift, shift, side_by_side


@dataclass(frozen=True)
class Prediction:
    """The likeliest next tokens before and after, and how far the whole distribution moved; `top` names its token."""

    tokens: tuple[NextToken, ...]
    shift: Shift
    top: str


def prediction(before: Expected, after: Expected, count: int) -> Prediction:
    """The `count` likeliest of each; SelectionError where the two do not choose among the same tokens."""
    if before.logs.shape != after.logs.shape:
        raise SelectionError(
            f"A chooses among {len(before.logs)} tokens, B among {len(after.logs)}", hint="leave --next out"
        )
    moved = shift(before.logs, after.logs)
    return Prediction(side_by_side(before, after, count), moved, before.name(moved.top))
