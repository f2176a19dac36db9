"""check(): whether the attention in a dump is sound, and if not, which mistake it shows."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from attn_cli.analysis.check.blend import check_blend, check_output
from attn_cli.analysis.check.dump import Dump
from attn_cli.analysis.check.findings import Finding, Mark, findings
from attn_cli.analysis.check.kinds import KINDS
from attn_cli.analysis.check.layers import dumps
from attn_cli.analysis.check.numbers import check_numbers
from attn_cli.analysis.check.recompute import Error, recomputed
from attn_cli.analysis.check.remarks import check_remarks
from attn_cli.analysis.check.rows import check_blind, check_leaks, check_sums, check_values
from attn_cli.analysis.check.scores import check_projections, check_scores, check_steps
from attn_cli.analysis.check.softmax import check_softmax, recipe_of
from attn_cli.sources.documents.parameters import Parameters
from attn_cli.trace.trace import Trace


@dataclass(frozen=True)
class CheckReport:
    """What was found; `checks` names what was looked at, `layers` and `heads` how much of it there was.

    `errors` is None unless everything was recomputed.
    """

    layers: int
    heads: int
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]
    errors: tuple[Error, ...] | None = None

    @property
    def faults(self) -> int:
        return sum(finding.severity == "fault" for finding in self.findings)

    @property
    def remarks(self) -> int:
        return len(self.findings) - self.faults


def check(
    found: Trace | Parameters, declared: Mapping[str, Any] | None = None, *, recompute: bool = False
) -> CheckReport:
    """Every stored stage against the stage before it, and the weights against what they have to be.

    `declared` settings (mask, scale, positions, softcap) say what the dump should be; nothing stored is changed.
    """
    marks: list[Mark] = []
    checks: dict[str, None] = {}
    errors: list[Error] = []
    layers, heads = 0, 0
    with np.errstate(all="ignore"):  # NaN and infinities are what is looked for
        for dump in dumps(found, declared or {}):
            layers, heads = layers + 1, max(heads, dump.shape[0])
            checks |= dict.fromkeys(_looked_at(dump))
            marks += _marks(dump)
            errors += recomputed(dump) if recompute else ()
    return CheckReport(layers, heads, tuple(checks), findings(marks), tuple(errors) if recompute else None)


def _marks(dump: Dump) -> list[Mark]:
    """The marks of one layer, without those that follow from another."""
    marks, bad = check_numbers(dump)
    marks += check_projections(dump, bad)
    marks += check_scores(dump, bad)
    if any(mark.code == "scores-already-scaled" for mark in marks):
        dump = replace(dump, spec=replace(dump.spec, scale="none"))
    marks += check_steps(dump, bad)
    if "weights" in dump.stored:
        marks += _weights(dump, _faulty(dump, marks, ("masked",)), bad)
    marks += check_blend(dump, bad)
    marks += check_output(dump, bad)
    if "weights" in dump.stored:
        sick = bad.get("weights", set()) | _faulty(dump, marks, ("weights",))
        marks += check_remarks(dump, sick)
    return marks


def _weights(dump: Dump, unmasked: Collection[int], bad: Mapping[str, Collection[int]]) -> list[Mark]:
    """What is wrong with the weights: the named mistake before a sum that is off, and that before a mere difference."""
    sick = {*bad.get("weights", ())}
    values = list(check_values(dump, sick))
    sick |= _faulty(dump, values, ("weights",))
    inputs = {place for stage in dump.chain() for place in bad.get(stage, ())}
    if not dump.chain():
        inputs |= {*bad.get(dump.form("Q") or "", ()), *bad.get(f"heads of {dump.form('K')}", ())}
    follows = list(check_softmax(dump, sick | inputs))
    known = [mark for mark in follows if mark.code != "does-not-follow"]
    named = _faulty(dump, known, ("weights",))
    alone = list(check_sums(dump, sick | named | set(unmasked)))
    alone += check_leaks(dump, sick | named | set(unmasked) | _faulty(dump, alone, ("weights",)))
    alone += check_blind(dump, sick | named | set(unmasked) | _faulty(dump, alone, ("weights",)))
    told = _faulty(dump, alone, ("weights",))
    places = dump.layer.head_index
    vague = [mark for mark in follows if mark.code == "does-not-follow" and _place(places, mark) not in told]
    remarks = [mark for mark in known if KINDS[mark.code].severity == "fault" or _place(places, mark) not in told]
    return [*values, *remarks, *alone, *vague]


def _faulty(dump: Dump, marks: Iterable[Mark], stages: Collection[str]) -> set[int]:
    """The places of heads that have a fault in one of these stages."""
    faults = [mark for mark in marks if mark.stage in stages and KINDS[mark.code].severity == "fault"]
    return {_place(dump.layer.head_index, mark) for mark in faults if mark.head is not None}


def _place(heads: tuple[int, ...], mark: Mark) -> int:
    return heads.index(mark.head) if mark.head is not None else -1


def _looked_at(dump: Dump) -> list[str]:
    """What there is to check in a layer, in words."""
    stored, chain = set(dump.stored), dump.chain()
    looked = ["numbers are finite"]
    if "scores" in stored and dump.form("Q") and dump.form("K"):
        looked.append("scores follow from Q and K")
    looked += [f"{stage} follows from {before}" for before, stage in pairwise(chain)]
    if "weights" in stored:
        if recipe_of(dump) is not None:
            looked.append(f"weights follow from {chain[-1] if chain else 'Q and K'}")
        looked += ["weights lie between 0 and 1", "rows of weights sum to 1", "softmax ran over the keys"]
        if dump.hidden is not None or "masked" in stored:
            looked.append("no weight on hidden keys")
        looked.append("no row is hidden without cause")
    if "head_output" in stored and "V" in dump.stages:
        looked.append("head_output follows from weights and V")
    if "output" in stored and "head_output" in dump.stages:
        looked.append("output follows from head_output")
    return looked
