"""A step of the scores whose result is edited on the way."""

from dataclasses import dataclass

from attn_cli.core.edits import Edit
from attn_cli.core.steps import Block, Shape, Step
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False, repr=False)
class EditedStep:
    """A step whose result is edited, for scores of `shape` (head, query, key)."""

    step: Step
    edits: tuple[Edit, ...]
    shape: Shape

    @property
    def name(self) -> str:
        return self.step.name

    def formula(self, before: str) -> str:
        return self.step.formula(before)

    def __call__(self, scores: Array, block: Block, out: Array) -> Array:
        made = self.step(scores, block, out)
        for edit in self.edits:
            head, row, column = edit.place(self.shape)
            if isinstance(head, int) and isinstance(row, int) and _in(head, block.heads) and _in(row, block.rows):
                made[head - block.heads.start, row - block.rows.start, column] = edit.number
        return made


def _in(place: int, span: slice) -> bool:
    return bool(span.start <= place < span.stop)
