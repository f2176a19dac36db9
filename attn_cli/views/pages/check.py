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
from attn_cli.views.pages.provenance import count, provenance
from attn_cli.views.pages.titles import head_name

MORE = "What each finding means: attn manual check"
_STORE = (
    "Store what belongs together: Q and K with weights; V with weights and head_output; Q, K and V with head_output or "
    "output; or X with W_Q, W_K, W_V (and W_O) and output."
)


def check_page(trace: Trace, report: CheckReport, *, again: str | None = None) -> Page:
    """The verdict on a file, what was found, faults first, and what was compared."""
    return tuple(_blocks(trace, report, again))


def _blocks(trace: Trace, report: CheckReport, again: str | None) -> Iterator[Block]:
    yield Heading(verdict(report))
    for finding in report.findings:
        yield Listing((finding.severity, finding.what), tuple(_rows(finding, trace)))
    if report.compared:
        yield Prose(f"checked: {'; '.join(report.compared)}", faint=True)
    else:
        stored = ", ".join(report.stored) or "nothing"
        yield Prose(f"checked: nothing; the file holds {stored}, and none of it follows from the rest. {_STORE}")
    if report.errors is not None:
        yield Heading("Everything again in float64: the largest error of each stage")
        yield from _errors(trace, report.errors)
    if report.findings:
        yield Prose(MORE, faint=True)
    yield from provenance(trace, again)


def _rows(finding: Finding, trace: Trace) -> Iterator[tuple[str, str]]:
    """What a finding says, a row each; what else fits as well comes after its fix."""
    rows = [("where", _where(finding, trace)), ("evidence", finding.evidence)]
    rows += [("cause", finding.cause), ("fix", finding.fix), ("code", finding.code)]
    rows += [("or", f"{other.what} ({other.code}) fits as well") for other in finding.alternatives]
    return (row for row in rows if row[1])


def verdict(report: CheckReport) -> str:
    """The whole report in one line."""
    size = f"{count(report.layers, 'layer')} × {count(report.heads, 'head')}"
    compared = f"{count(len(report.compared), 'relation')} between stored arrays compared, {size}"
    found = [count(report.faults, "fault")] if report.faults else [report.verdict]
    found += [count(report.remarks, "remark")] if report.remarks else []
    return f"{', '.join(found)}: {compared}" if report.compared else f"{', '.join(found)}: {size}"


def _where(finding: Finding, trace: Trace) -> str:
    """Stage, layers and heads, then the worst place in them."""
    held = [
        (layer.name, _heads(layer, finding.heads[layer.name])) for layer in trace.layers if layer.name in finding.heads
    ]
    groups = [([name], heads) for name, heads in held]
    if len({heads for _, heads in held}) == 1:
        groups = [([name for name, _ in held], held[0][1])]
    who = "; ".join(", ".join(filter(None, [_layers(names, trace), heads])) for names, heads in groups)
    alone = sum(map(len, finding.heads.values())) < 2
    place = ", ".join(_place(finding.worst, trace, alone=alone))
    cells = (": " if alone else "; most at ").join(filter(None, [who, place])) or "everywhere"
    return f"{', '.join(finding.stages)}: {cells}"


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
    """The worst place in words: the head by its address where there are several, the row, the column."""
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
        (name, f"{error.absolute:.3g}", f"{error.relative:.3g}", "yes" if error.rounding else "no", _spot(error))
        for name, error in zip(names, errors, strict=True)
    ]
    yield Listing(("stage", "absolute", "relative", "rounding", "where"), tuple(rows), frozenset({1, 2}))
    yield Prose("relative: to the largest number of the stage; rounding: whether it is no more than that", faint=True)


def _spot(error: Error) -> str:
    if not error.absolute:
        return ""
    kind = STAGES[error.stage]
    axes = [*(["head"] if kind.heads else []), kind.rows, *([kind.columns] if kind.columns else [])]
    return ", ".join(f"{axis} {index}" for axis, index in zip(axes, error.place, strict=True))
