"""check(): whether the attention in a file is sound, and if not, which mistake it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.analysis.check.comparing import Comparing
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Finding, Mark, findings
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.check.layers import dumps
from attn_cli.analysis.check.numbers import check_numbers
from attn_cli.analysis.check.reading import Dumped
from attn_cli.analysis.check.recompute import Error, check_errors, recomputed
from attn_cli.analysis.check.remarks import check_remarks
from attn_cli.analysis.check.shares import check_shares

_NAMES = MappingProxyType({"embedded": "X", "embedded_context": "X_context"})
"""What a file calls vectors that positions have still to be added to."""


@dataclass(frozen=True)
class CheckReport:
    """What was found; `compared` names the relations between stored arrays that were compared, each once.

    `layers` and `heads` count how much of it there was, `stored` the arrays that are there. `errors` is None unless
    everything was recomputed.
    """

    layers: int
    heads: int
    compared: tuple[str, ...]
    findings: tuple[Finding, ...]
    stored: tuple[str, ...] = ()
    errors: tuple[Error, ...] | None = None

    @property
    def faults(self) -> int:
        return sum(finding.severity == "fault" for finding in self.findings)

    @property
    def remarks(self) -> int:
        return len(self.findings) - self.faults

    @property
    def verdict(self) -> str:
        """`faulty`, `sound`, or `nothing to check` where no two stored arrays are related."""
        return "faulty" if self.faults else "sound" if self.compared else "nothing to check"


def check(dumped: Dumped, declared: Mapping[str, Any] | None = None, *, recompute: bool = False) -> CheckReport:
    """Every stored array against the stored arrays that it follows from, and the cause of what does not follow.

    `declared` settings (mask, scale, positions, softcap) say what the file should be; nothing stored is changed, and
    nothing is compared with what attn itself computed from the same numbers.
    """
    marks: list[Mark] = []
    compared: dict[str, None] = {}
    stored: dict[str, None] = {}
    errors: list[Error] = []
    layers, heads = 0, 0
    with np.errstate(all="ignore"):  # NaN and infinities are what is looked for
        for dump in dumps(dumped.read, declared or {}, dumped.stated, dumped.averaged):
            layers, heads = layers + 1, max(heads, dump.heads)
            stored |= dict.fromkeys(_NAMES.get(name, name) for name in (*dump.stored, *dump.matrices))
            found, words = _layer(dump)
            compared |= dict.fromkeys(words)
            if recompute:
                own = recomputed(dump)
                errors += own
                found += check_errors(dump, own, found)
            marks += found
    return CheckReport(
        layers, heads, tuple(compared), findings(marks), tuple(stored), tuple(errors) if recompute else None
    )


def _layer(dump: Dump) -> tuple[list[Mark], list[str]]:
    """The marks of one layer, without those that follow from another, and the relations that were compared."""
    marks, bad, left_out = check_numbers(dump)
    comparing = Comparing(dump, bad, left_out, dump.recipe)
    marks += comparing.marks()
    if "weights" in dump.stored:
        followed = any(words.startswith("weights follow") for words in comparing.compared)
        sick = set(range(dump.heads)) if followed else bad.get("weights", set()) | comparing.settled
        alone = [mark for head in range(dump.heads) if head not in sick for mark in check_shares(dump, head)]
        marks += alone
        heads = dump.layer.head_index
        faulty = {heads.index(m.head) for m in marks if m.stage == "weights" and m.head is not None and _fault(m)}
        remarks = check_remarks(dump, bad.get("weights", set()) | faulty)
        explained = any(mark.code.startswith("mask-undeclared") for mark in marks)
        marks += [mark for mark in remarks if not (explained and mark.code == "unattended-keys")]
    return marks, comparing.compared


def _fault(mark: Mark) -> bool:
    return KINDS[mark.code].severity == "fault"
