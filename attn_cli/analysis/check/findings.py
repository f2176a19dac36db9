"""Findings: what is wrong, where, by which numbers, why, and what to do; one for each root cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attn_cli.analysis.check.kinds import KINDS, Severity
from attn_cli.analysis.document import layer_keys
from attn_cli.trace.stages import STAGES


@dataclass(frozen=True)
class Mark:
    """One kind of finding in one head; `size` tells the worst of several, `words` fill in the kind's."""

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


@dataclass(frozen=True)
class Finding:
    """Marks of one kind as one finding: `heads` of each layer that has it, and `worst`, where it shows most."""

    severity: Severity
    code: str
    what: str
    heads: Mapping[str, tuple[int, ...]]
    worst: Mark
    evidence: str
    cause: str
    fix: str

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
        }


def findings(marks: Iterable[Mark]) -> tuple[Finding, ...]:
    """Marks with the same words as one finding each, faults before remarks, in the order of the arithmetic."""
    groups: dict[tuple[str, str, str], list[Mark]] = {}
    for mark in marks:
        groups.setdefault((mark.code, mark.stage, _what(mark)), []).append(mark)
    found = [_finding(group) for group in groups.values()]
    return tuple(sorted(found, key=lambda finding: finding.severity == "remark"))


def _what(mark: Mark) -> str:
    return KINDS[mark.code].what.format(**_words(mark))


def _words(mark: Mark) -> dict[str, str]:
    """What fills in the words of a kind; the verbs go with scores and weights, which are several."""
    several = mark.stage.endswith("s")
    verbs = (
        {"does": "do", "holds": "hold", "is_": "are"} if several else {"does": "does", "holds": "holds", "is_": "is"}
    )
    return {"stage": mark.stage, **verbs, **mark.words}


def _finding(marks: Sequence[Mark]) -> Finding:
    worst = max(marks, key=lambda mark: mark.size)
    kind = KINDS[worst.code]
    heads: dict[str, list[int]] = {}
    for mark in marks:
        known = heads.setdefault(mark.layer, [])
        if mark.head is not None and mark.head not in known:
            known.append(mark.head)
    words = _words(worst)
    return Finding(
        severity=kind.severity,
        code=worst.code,
        what=_what(worst),
        heads={layer: tuple(sorted(held)) for layer, held in heads.items()},
        worst=worst,
        evidence=worst.evidence,
        cause=kind.cause.format(**words),
        fix=kind.fix.format(**words),
    )
