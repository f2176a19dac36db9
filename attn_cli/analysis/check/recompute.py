"""Everything again in float64, from the earliest stored stages, and how far the stored stages are from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.check.computing.computation import Computation
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Mark, marked
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.check.relations import TARGETS, from_the_start, gap, made_target, stored_target
from attn_cli.trace.stages import STAGES


@dataclass(frozen=True)
class Error:
    """The largest difference of a stored stage from the same stage in float64.

    `relative` is `absolute` over the largest number of the stage; `place` is (head, row, column) or (row, column).
    `rounding` says that it is no more than rounding, `source` from which stages it was computed.
    """

    layer: str
    stage: str
    absolute: float
    relative: float
    place: tuple[int, ...]
    rounding: bool = True
    source: str = ""

    def document(self) -> dict[str, object]:
        """The error as plain values."""
        return {
            "absolute": self.absolute,
            "relative": self.relative,
            "place": list(self.place),
            "rounding": self.rounding,
        }


def recomputed(dump: Dump) -> tuple[Error, ...]:
    """The errors of all stages that follow from earlier stored ones, by what is declared."""
    errors = []
    for stage in TARGETS:
        start = from_the_start(dump, stage) if stage in dump.stored else None
        if start is None or start.steps & dump.unsure or (dump.recipe.factor is None and "scale" in start.steps):
            continue
        errors.append(_error(dump, stage, start.given, start.words))
    return tuple(errors)


def _error(dump: Dump, stage: str, given: frozenset[str], source: str) -> Error:
    stored = stored_target(dump, stage)
    made = made_target(Computation(dump, given, dump.loose), stage, dump.recipe)
    fits = gap(stored, made, dump.absolute(stage)).fits
    same = (stored == made.value) | (np.isnan(stored) & np.isnan(made.value))
    off = np.where(same, 0.0, abs(stored - made.value))
    off = np.where(np.isnan(off), np.inf, off)
    place = tuple(map(int, np.unravel_index(int(off.argmax()), off.shape)))
    kind = STAGES[stage]
    heads = {"query heads": dump.layer.head_index, "key heads": dump.layer.kv_head_index}.get(kind.heads or "")
    largest = float(abs(made.value[np.isfinite(made.value)]).max(initial=0.0))
    error = float(off[place])
    relative = error / largest if largest else (0.0 if error == 0 else float("inf"))
    where = (heads[place[0]], *place[1:]) if heads else place[1:]
    where = where if kind.columns else where[:-1]
    return Error(dump.layer.name, stage, error, relative, where, bool(fits.all()), source)


def check_errors(dump: Dump, errors: Sequence[Error], marks: Sequence[Mark]) -> list[Mark]:
    """A mark on the first stage that lies further off than rounding, where no fault tells of its layer yet."""
    if any(KINDS[mark.code].severity == "fault" for mark in marks) or any(_explains(mark) for mark in marks):
        return []
    for error in errors:
        if not error.rounding:
            kind = STAGES[error.stage]
            cell = error.place[1:] if kind.heads else error.place
            heads = dump.layer.head_index if kind.heads == "query heads" else dump.layer.kv_head_index
            place = heads.index(error.place[0]) if kind.heads else 0
            evidence = f"off by {error.absolute:.3g}, {error.relative:.3g} of the largest number of the stage"
            words = {"source": error.source, "cut": ""}
            numbers = {"difference": error.absolute, "relative": error.relative}
            return [
                marked(
                    dump, "does-not-follow", error.stage, place, cell,
                    evidence=evidence, words=words, numbers=numbers, size=error.absolute,
                )
            ]  # fmt: skip
    return []


def _explains(mark: Mark) -> bool:
    """Whether a remark says why a stage is other than declared."""
    return mark.code.endswith(("undeclared", "uniform", "scaled", "unseen", "early"))
