"""Edits of scores, applied between steps."""

from collections.abc import Collection
from typing import NamedTuple

from attn_cli.core.edits import Edit
from attn_cli.core.steps import Block, BlockStep, Refined, Shape
from attn_cli.trace.trace import Array


class EditCells(NamedTuple):
    """Set cells of a stage of shape `shape` (head, query, key) right after the step that makes it."""

    makes: str
    edits: Collection[Edit]
    shape: Shape

    def formula(self, before: str) -> str:
        return before

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        for edit in self.edits:
            head, row, column = edit.place(self.shape)
            if isinstance(head, int) and isinstance(row, int) and _in(head, block.heads) and _in(row, block.rows):
                scores[head - block.heads.start, row - block.rows.start, column] = edit.number
        return scores


def edited_step(step: BlockStep, edits: Collection[Edit], shape: Shape) -> BlockStep:
    """The step followed by the edits of its stage."""
    stage_edits = tuple(edit for edit in edits if edit.stage == step.makes)
    return Refined(step, EditCells(step.makes, stage_edits, shape)) if stage_edits else step


def _in(index: int, span: slice) -> bool:
    return bool(span.start <= index < span.stop)
