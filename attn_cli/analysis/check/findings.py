"""Findings: what is wrong, where, by which numbers, why, and what to do; one for each root cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attn_cli.analysis.check.deviations.deviation import Severity
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.document import layer_keys
from attn_cli.trace.stages import STAGES


@dataclass(frozen=True)
class Cause:
    """A kind of finding with the words that fill it in."""

    code: str
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """One kind of finding in one head; `size` tells the worst of several, `words` fill in the kind's.

    `alternatives` are other causes that fit as well.
    """

    code: str
    stage: str
    layer: str
    head: int | None
    row: int | None = None
    column: int | None = None
    row_token: str | None = None
    column_token: str | None = None
    size: float = 0.0
    evidence: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    alternatives: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Told:
    """A cause in words: what is wrong, why, and what to do."""

    code: str
    what: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """Marks of one kind as one finding: `heads` of each layer that has it, and `worst`, where it shows most.

    `stages` show it; `alternatives` are other causes that fit as well.
    """

    severity: Severity
    code: str
    what: str
    heads: Mapping[str, tuple[int, ...]]
    worst: Mark
    evidence: str
    cause: str
    fix: str
    stages: tuple[str, ...] = ()
    alternatives: tuple[Told, ...] = ()

    def document(self) -> dict[str, Any]:
        """The finding as plain values."""
        worst, kind = self.worst, STAGES[self.worst.stage]
        places = {kind.rows: (worst.row, worst.row_token), kind.columns or "key": (worst.column, worst.column_token)}
        return {
            "severity": self.severity,
            "code": self.code,
            "what": self.what,
            "where": {
                "stage": worst.stage,
                "stages": list(self.stages),
                "layers": {layer: list(heads) for layer, heads in self.heads.items()},
                **layer_keys(worst.layer),
                "head": worst.head,
                **{
                    axis: {"index": place} | ({} if token is None else {"token": token})
                    for axis, (place, token) in places.items()
                    if place is not None
                },
            },
            "evidence": self.evidence,
            "numbers": dict(worst.numbers),
            "cause": self.cause,
            "fix": self.fix,
            "alternatives": [vars(told) for told in self.alternatives],
        }


def marked(dump: Dump, code: str, stage: str, place: int, cell: tuple[int, ...] = (), **rest: Any) -> Mark:
    """A mark on a head by its place in the stage's array, at a (row, column)."""
    layer, kind = dump.layer, STAGES[stage]
    heads: tuple[int | None, ...] = (None,)
    if kind.heads:
        heads = layer.head_index if kind.heads == "query heads" else layer.kv_head_index
    rows = layer.key_tokens if kind.rows == "key" else layer.query_tokens
    row = cell[0] if cell else None
    column = cell[1] if len(cell) > 1 and kind.columns else None
    return Mark(
        code=code,
        stage=stage,
        layer=layer.name,
        head=heads[place] if place < len(heads) else None,
        row=row,
        column=column,
        row_token=None if row is None else rows[row],
        column_token=None if column is None or kind.columns != "key" else layer.key_tokens[column],
        **rest,
    )


def findings(marks: Iterable[Mark]) -> tuple[Finding, ...]:
    """Marks with the same words as one finding each, faults before remarks, in the order of the arithmetic."""
    groups: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        groups.setdefault((mark.code, told(mark, mark.code, mark.words).what), []).append(mark)
    known = [_finding(group) for group in groups.values()]
    return tuple(sorted(known, key=lambda finding: finding.severity == "remark"))


def told(mark: Mark, code: str, words: Mapping[str, str]) -> Told:
    """What a kind says of a mark's stage; its verbs go with scores and weights, which are several."""
    several = mark.stage.endswith("s") or mark.stage == "weights"
    verbs = {
        "does": "do" if several else "does",
        "holds": "hold" if several else "holds",
        "follows": "follow" if several else "follows",
        "is_": "are" if several else "is",
    }
    kind = KINDS[code]
    filled = {"stage": mark.stage, **verbs, **words}
    return Told(code, kind.what.format(**filled), kind.cause.format(**filled), kind.fix.format(**filled))


def _finding(marks: Sequence[Mark]) -> Finding:
    worst = max(marks, key=lambda mark: mark.size)
    heads: dict[str, list[int]] = {}
    for mark in marks:
        known = heads.setdefault(mark.layer, [])
        if mark.head is not None and mark.head not in known:
            known.append(mark.head)
    words = told(worst, worst.code, worst.words)
    return Finding(
        severity=KINDS[worst.code].severity,
        code=worst.code,
        what=words.what,
        heads={layer: tuple(sorted(held)) for layer, held in heads.items()},
        worst=worst,
        evidence=worst.evidence,
        cause=words.cause,
        fix=words.fix,
        stages=tuple(dict.fromkeys(mark.stage for mark in marks)),
        alternatives=tuple(told(worst, cause.code, cause.words) for cause in worst.alternatives),
    )
