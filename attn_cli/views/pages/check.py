"""The page of `attn check`: the verdict, then each finding with its place, evidence, cause and fix."""

from collections.abc import Iterator, Sequence

from attn_cli.analysis.check.check import CheckReport
from attn_cli.analysis.check.findings import Finding, Mark
from attn_cli.analysis.check.recompute import Error
from attn_cli.trace.addresses import address
from attn_cli.trace.stages import STAGES
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.drawing.text import labels
from attn_cli.views.page import Block, Heading, Listing, Page, Prose
from attn_cli.views.pages.provenance import provenance
from attn_cli.views.pages.titles import head_name


def check_page(trace: Trace, report: CheckReport, *, again: str | None = None) -> Page:
    """What was checked of a trace and what was found, faults first."""
    return tuple(_blocks(trace, report, again))


def _blocks(trace: Trace, report: CheckReport, again: str | None) -> Iterator[Block]:
    yield from provenance(trace, again)
    yield Heading(verdict(report))
    for finding in report.findings:
        rows = [("where", _where(finding, trace)), ("evidence", finding.evidence)]
        rows += [("cause", finding.cause), ("fix", finding.fix), ("code", finding.code)]
        yield Listing((finding.severity, finding.what), tuple(row for row in rows if row[1]))
    yield Prose(f"checked: {'; '.join(report.checks)}", faint=True)
    if report.findings:
        yield Prose("attn manual check explains the findings", faint=True)
    if report.errors is not None:
        yield Heading("Everything again in float64: the largest error of each stage")
        yield from _errors(trace, report.errors)


def verdict(report: CheckReport) -> str:
    """The whole report in one line."""
    what = f"{_count(len(report.checks), 'check')} on {_count(report.layers, 'layer')} × {_count(report.heads, 'head')}"
    if not report.findings:
        return f"sound: {what}"
    found = [_count(report.faults, "fault")] if report.faults else ["sound"]
    found += [_count(report.remarks, "remark")] if report.remarks else []
    return f"{', '.join(found)}: {what}"


def _where(finding: Finding, trace: Trace) -> str:
    """Layers and heads, then the worst place in them."""
    held = [
        (layer.name, _heads(layer, finding.heads[layer.name])) for layer in trace.layers if layer.name in finding.heads
    ]
    groups = [([name], heads) for name, heads in held]
    if len({heads for _, heads in held}) == 1:
        groups = [([name for name, _ in held], held[0][1])]
    who = "; ".join(", ".join(filter(None, [_layers(names, trace), heads])) for names, heads in groups)
    alone = sum(map(len, finding.heads.values())) < 2
    place = ", ".join(_place(finding.worst, trace, alone=alone))
    return (": " if alone else "; most at ").join(filter(None, [who, place])) or "everywhere"


def _heads(layer: Layer, held: Sequence[int]) -> str:
    if not held or layer.heads == 1:
        return ""
    if len(held) == len(layer.head_index) > 1:
        return "all heads"
    return ("head " if len(held) == 1 else "heads ") + spans(held)


def _layers(names: Sequence[str], trace: Trace) -> str:
    if len(trace.layers) == 1:
        return ""
    if len(names) == len(trace.layers):
        return "all layers"
    return ", ".join(names) if len(names) < 4 else f"{len(names)} layers from {names[0]} to {names[-1]}"


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers in order as people write them: 0-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _place(worst: Mark, trace: Trace, *, alone: bool) -> Iterator[str]:
    """The worst place in words; its head only where there are several."""
    kind = STAGES[worst.stage]
    if worst.row is None:
        return
    if not alone:
        if worst.head is not None:
            yield head_name(trace, worst.layer, worst.head)
        elif len(trace.layers) > 1:
            yield address(worst.layer)
    yield _named(kind.rows, worst.row, worst.row_token)
    if worst.column is not None and kind.columns is not None:
        yield _named(kind.columns, worst.column, worst.column_token)


def _named(axis: str, index: int, token: str | None) -> str:
    return f"{axis} {index}" if token is None or token == str(index) else f'{axis} {index} "{labels([token])[0]}"'


def _errors(trace: Trace, errors: Sequence[Error]) -> Iterator[Block]:
    if not errors:
        yield Prose("Nothing is stored that follows from an earlier stored stage.")
        return
    names = [error.stage if len(trace.layers) == 1 else f"{error.layer}.{error.stage}" for error in errors]
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
