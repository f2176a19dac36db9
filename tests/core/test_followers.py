"""What the table of stages says of who follows whom is what the arithmetic does."""

import numpy as np
import pytest

from attn_cli.core.edits import SetCell
from attn_cli.trace.stages import CHAIN, followers
from tests.core.runs import a_run, arrays, attended

VECTORS = ("Q", "K", "V", "Q_rotated", "K_rotated", "head_output")
CELLS = {"embedded": (1, 0), "X": (1, 0), **dict.fromkeys((*VECTORS, *CHAIN), (0, 1, 0)), "output": (1, 0)}


@pytest.mark.parametrize("stage", CELLS)
def test_a_changed_cell_changes_the_stages_that_follow_and_no_others(stage: str) -> None:
    run = a_run("softcap", "sinks", "bias", "W_O", "position_embeddings", mask="causal", positions="rope")
    before = arrays(attended(run))
    after = arrays(attended(run, edits=(SetCell(stage, CELLS[stage], 0.3),)))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {stage, *followers(stage)} & set(before)
