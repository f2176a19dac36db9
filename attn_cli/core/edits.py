"""Edits: replace numbers of a stage while attention runs, so that later stages are computed from the new numbers."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from attn_cli.core.spelling import finite
from attn_cli.core.steps import Block, BlockStep, Refined, Shape
from attn_cli.errors import SelectionError, UsageError
from attn_cli.trace.stages import PARTS, STAGES
from attn_cli.trace.trace import Array

Place = tuple[int | slice, ...]

_HINT = "such as weights[0][2]=0.5, or a whole row: weights[0]=[0.2,0.3,0.5] (attn manual what-if)"


class Edit(Protocol):
    """A change of numbers in one stage."""

    @property
    def stage(self) -> str: ...

    @property
    def words(self) -> str:
        """The words added to the formula of the stage."""

    def place(self, shape: tuple[int, ...], numbers: Sequence[int] | None = None) -> Place:
        """The index into an array of this shape; `numbers` are the head numbers it holds, None for 0, 1, 2, …."""

    @property
    def number(self) -> float | tuple[float, ...]:
        """The new number, or the numbers of a row."""


@dataclass(frozen=True)
class SetCell:
    """Set a cell of a stage, or a row (`number` is a tuple); `index` may omit the head if there is only one."""

    stage: str
    index: tuple[int, ...]
    number: float | tuple[float, ...]

    @property
    def named(self) -> str:
        """The cell as spelled: `weights[0][2]`."""
        return self.stage + "".join(f"[{number}]" for number in self.index)

    @property
    def words(self) -> str:
        return f"{self.named} set"

    def place(self, shape: tuple[int, ...], numbers: Sequence[int] | None = None) -> Place:
        """The index into the array; SelectionError if the stage has no such cell or row."""
        kind = STAGES[self.stage]
        row = isinstance(self.number, tuple)
        axes = [*(["HEAD"] if kind.heads else []), "ROW", *(["COLUMN"] if kind.columns else [])]
        expected = axes[:-1] if row and kind.columns else axes
        if row and not kind.columns:
            raise SelectionError(f"--set: {self.stage} has one number a row", hint=f"{self.stage}[0]=0.5")
        index = self.index
        if kind.heads and len(index) == len(expected) - 1 and shape[0] == 1:
            index = (numbers[0] if numbers else 0, *index)
        if len(index) != len(expected):
            target = f"a {'row' if row else 'cell'} of {self.stage}"
            spelled = self.stage + "".join(f"[{axis}]" for axis in expected)
            raise SelectionError(f"--set: {self.named} is not {target}", hint=f"{target} is {spelled}")
        first = list(numbers) if numbers and kind.heads else list(range(shape[0]))
        indices: list[int | slice] = []
        for axis, number, valid in zip(expected, index, [first, *map(list, map(range, shape[1:]))], strict=False):
            if number not in valid:
                span = f"{axis.lower()}s are {valid[0]} to {valid[-1]}" if len(valid) > 1 else f"there is {valid[0]}"
                raise SelectionError(f"--set: {self.named}: there is no {axis.lower()} {number}", hint=span)
            indices.append(valid.index(number))
        if isinstance(self.number, tuple) and len(self.number) != shape[-1]:
            raise SelectionError(
                f"--set: {self.named}: {len(self.number)} numbers for a row of {shape[-1]}",
                hint=f"give {shape[-1]}, one for each column",
            )
        return tuple([*indices, slice(None)] if row else indices)


@dataclass(frozen=True)
class ZeroHead:
    """Zero ablation: set a head's output to 0 before W_O (Michel et al. 2019, arXiv 1905.10650)."""

    head: int
    spelled: str
    stage: str = "head_output"
    number: float = 0.0

    @property
    def words(self) -> str:
        return f"head {self.head} switched off"

    def place(self, shape: tuple[int, ...], numbers: Sequence[int] | None = None) -> Place:
        """The index of the head; SelectionError if the array does not hold it."""
        heads = list(numbers or range(shape[0]))
        if self.head not in heads:
            hint = f"heads are {', '.join(map(str, heads))}" if len(heads) > 1 else f"there is only head {heads[0]}"
            raise SelectionError(f"--without-head {self.spelled}: there is no head {self.head}", hint=hint)
        return (heads.index(self.head),)


def edited(array: Array, edits: Collection[Edit], numbers: Sequence[int] | None = None) -> Array:
    """A copy of a stage's array with these edits applied."""
    changed: Array = array.copy()
    for edit in edits:
        changed[edit.place(changed.shape, numbers)] = edit.number
    return changed


def localised(edit: Edit, shape: tuple[int, ...], numbers: Sequence[int]) -> Edit:
    """The edit with its head as an index into arrays that hold only the heads `numbers`."""
    place = edit.place(shape, numbers)
    if isinstance(edit, ZeroHead) and isinstance(place[0], int):
        return replace(edit, head=place[0])
    return replace(edit, index=tuple(i for i in place if isinstance(i, int))) if isinstance(edit, SetCell) else edit


def parse_set_cell(text: str) -> tuple[str | None, SetCell]:
    """Read `weights[0][2]=0.5`, or with a layer `layers.1.weights[0][0]=[0.5,0.5]`; UsageError for other text."""
    match = re.fullmatch(r"(?:([\w.]+)\.)?(\w+)((?:\[\d{1,9}\])+)=(.+)", text.replace(" ", ""), re.ASCII)
    if not match:
        raise UsageError(f"--set: {text!r} is not STAGE[INDEX]=NUMBER", hint=_HINT)
    layer, stage, index, value = match.groups()
    settable = [name for name in STAGES if name not in (*PARTS, "residual")]
    if stage not in settable:
        raise UsageError(f"--set: there is no stage {stage!r} to set", hint=f"stages are {', '.join(settable)}")
    indices = tuple(int(number) for number in re.findall(r"\d+", index))
    return layer, SetCell(stage, indices, _number(value, text))


def _number(value: str, text: str) -> float | tuple[float, ...]:
    if (number := finite(value)) is not None:
        return number
    try:
        import json

        row = json.loads(value)
    except ValueError:
        row = None
    if isinstance(row, list) and row and all(isinstance(n, int | float) and not isinstance(n, bool) for n in row):
        numbers = np.array(row, dtype=np.float64)
        if np.isfinite(numbers).all():
            return tuple(map(float, numbers))
    raise UsageError(f"--set: {text!r}: {value!r} is neither a number nor a row of numbers", hint=_HINT)


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
