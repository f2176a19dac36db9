"""The positions of a model: a text may fill all of them, and no text may be longer."""

from pathlib import Path

import pytest

from attn_cli.errors import SelectionError
from attn_cli.models.explain import run_model
from attn_cli.models.model import open_model
from attn_cli.models.request import ModelRequest

KNOWN = str(Path(__file__).parents[2] / "samples" / "known-heads")


def run(count: int) -> int:
    """How many queries a text of so many tokens has."""
    ids = ",".join(str(1 + number % 5) for number in range(count))
    return len(run_model(ModelRequest(KNOWN, ids=ids), stages=["weights"])[0].query_tokens)


def test_a_text_that_fills_all_positions_runs_and_one_token_more_is_refused() -> None:
    most = open_model(KNOWN).architecture.stacks[0].max_positions
    assert most is not None
    assert run(most) == most
    with pytest.raises(SelectionError, match=f"{most + 1} tokens are more than the {most} positions"):
        run(most + 1)
