"""The page of `attn check`: the verdict, then each finding with its place, evidence, cause and fix."""

from collections.abc import Iterator, Mapping, Sequence

from attn_cli.analysis.check import Report
from attn_cli.analysis.check_findings import Finding, Mark
from attn_cli.analysis.check_recompute import Error
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Trace
from attn_cli.views.page import Block, Heading, Listing, Page, Prose
from attn_cli.views.provenance import provenance
from attn_cli.views.text import labels


def check_page(trace: Trace, report: Report, *, again: str | None = None) -> Page:
    """What was checked of a trace and what was found, faults first."""
    return tuple(_blocks(trace, report, again))


def _blocks(trace: Trace, report: Report, again: str | None) -> Iterator[Block]:
    yield from provenance(trace, again)
    yield Heading(verdict(report))
    yield Prose(f"checked: {'; '.join(report.checks)}", faint=True)
    for finding in report.findings:
        yield Heading(f"{finding.severity}: {finding.what}")
        rows = [("where", _where(finding, trace)), ("evidence", finding.evidence)]
        rows += [("cause", finding.cause), ("fix", finding.fix), ("code", finding.code)]
        yield Listing(("", ""), tuple(row for row in rows if row[1]))
    if report.errors is not None:
        yield Heading("Everything again in float64: the largest error of each stage")
        yield from _errors(trace, report.errors)


def verdict(report: Report) -> str:
    """The whole report in one line."""
    what = f"{len(report.checks)} checks on {_count(report.layers, 'layer')} × {_count(report.heads, 'head')}"
    if not report.findings:
        return f"sound: {what}"
    found = [_count(report.faults, "fault")] if report.faults else ["sound"]
    found += [_count(report.remarks, "remark")] if report.remarks else []
    return f"{', '.join(found)}: {what}"


def _where(finding: Finding, trace: Trace) -> str:
    """Layers and heads, and the worst place."""
    heads = [
        (layer.name, _heads(finding.heads[layer.name], layer.heads))
        for layer in trace.layers
        if layer.name in finding.heads
    ]
    alike = len({held for _, held in heads}) == 1
    if len(trace.layers) == 1:
        who = heads[0][1]
    elif alike:
        who = ", ".join(filter(None, [_layers([name for name, _ in heads], len(trace.layers)), heads[0][1]]))
    else:
        who = "; ".join(", ".join(filter(None, pair)) for pair in heads)
    place = _place(finding.worst, single=len(trace.layers) == 1, alone=sum(map(len, finding.heads.values())) < 2)
    return ": ".join(filter(None, [who, place])) or finding.worst.stage


def _heads(held: Sequence[int], count: int) -> str:
    if not held or count == 1:
        return ""
    if len(held) == count:
        return f"all {count} heads"
    return ("head " if len(held) == 1 else "heads ") + spans(held)


def _layers(names: Sequence[str], count: int) -> str:
    if len(names) == count:
        return f"all {count} layers"
    return ", ".join(names) if len(names) < 4 else f"{names[0]} … {names[-1]} ({len(names)} layers)"


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers in order as people write them: 0-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _place(worst: Mark, *, single: bool, alone: bool) -> str:
    kind = STAGES[worst.stage]
    parts = (
        [] if alone else [*([] if single else [worst.layer]), *([] if worst.head is None else [f"head {worst.head}"])]
    )
    if worst.row is not None:
        parts.append(_named(kind.rows, worst.row, worst.row_token))
    if worst.column is not None and kind.columns is not None:
        parts.append(_named(kind.columns, worst.column, worst.column_token))
    return (
        ("" if alone else "most in " if worst.row is not None else "") + ", ".join(parts)
        if worst.row is not None
        else ""
    )


def _named(axis: str, index: int, token: str | None) -> str:
    return f"{axis} {index}" if token is None or token == str(index) else f'{axis} {index} "{labels([token])[0]}"'


def _errors(trace: Trace, errors: Sequence[Error]) -> Iterator[Block]:
    if not errors:
        yield Prose("Nothing is stored that follows from an earlier stored stage.")
        return
    layers: Mapping[str, int] = {layer.name: len(trace.layers) for layer in trace.layers}
    names = [error.stage if layers[error.layer] == 1 else f"{error.layer}.{error.stage}" for error in errors]
    rows = [
        (name, f"{error.absolute:.3g}", f"{error.relative:.3g}", _spot(error))
        for name, error in zip(names, errors, strict=True)
    ]
    yield Listing(("stage", "absolute", "relative", "where"), tuple(rows), frozenset({1, 2}))
    yield Prose("relative: to the largest number of the stage", faint=True)


def _spot(error: Error) -> str:
    if not error.absolute:
        return ""
    kind = STAGES[error.stage]
    axes = [*(["head"] if kind.heads else []), kind.rows, *([kind.columns] if kind.columns else [])]
    return ", ".join(f"{axis} {index}" for axis, index in zip(axes, error.place, strict=True))


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
