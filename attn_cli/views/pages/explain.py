"""The page of `attn explain`: who looks at whom, then every stage with formula, meaning and numbers, then words."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.masked import marked
from attn_cli.trace.addresses import address
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Layer, Stage, Trace
from attn_cli.views.page import Beside, Block, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.provenance import made_with, notes, origin
from attn_cli.views.pages.reading import most_looked_at, numbered, reading
from attn_cli.views.pages.titles import Names, head_names, head_title

SHARES = ("weights", "sink_weight")
SUMMARY = 24
"""The most tokens whose summary has numbers."""
MANY = 64
"""The most tokens of which repeated ones are numbered."""
TITLE = 70
"""The most characters of a text in the title."""
NEXT = "Next: attn why shows the arithmetic of one cell; attn manual stages explains each stage."
SEVERAL = 4
"""The most heads that are told in words."""


def explain_page(trace: Trace, *, brief: bool = False, again: str | None = None, drawn: Trace | None = None) -> Page:
    """Who looks at whom, then every stage in the order of the arithmetic; `brief` leaves out the explanations.

    `drawn` is the trace for the summary, which may lack dropped keys.
    """
    return tuple(_blocks(trace, brief, again, marked(trace) if drawn is None else drawn))


def heatmap_page(trace: Trace, *, again: str | None = None, drawn: Trace | None = None) -> Page:
    """One picture for each stage that the trace holds, all its heads on one color scale."""
    drawn = marked(trace) if drawn is None else drawn
    names = head_names(trace)
    blocks: list[Block] = []
    for layer in drawn.layers:
        for stage in layer.stages:
            if drawn is not trace and stage.name not in trace[layer.name]:
                continue
            blocks += [
                Heading(_title(trace, layer, stage)),
                Prose(_rows(stage), faint=True),
                Picture(grids(layer, stage, trace, names), shares=stage.name == "weights"),
            ]
    return (*blocks, Prose(origin(trace), faint=True), *notes(drawn), *made_with(again))


def grids(layer: Layer, stage: Stage, trace: Trace | None = None, names: Names | None = None) -> tuple[Grid, ...]:
    """The matrices of a stage as grids, one for each head; titles have addresses where the trace has many layers."""
    several = (layer.heads if stage.kind.heads == "query heads" else layer.kv_heads) > 1
    whole = trace or Trace(layer.key_tokens, (layer,), {})
    several = several or (whole.source.get("kind") == "checkpoint" and stage.name == "weights")
    return tuple(
        Grid(
            values=matrix,
            rows=_told_apart(layer.rows_of(stage)),
            columns=_columns(layer, stage, whole),
            title=head_title(whole, layer, stage, head, names or {}) if several and head is not None else "",
            signed=stage.name not in SHARES,
            mask="·" if stage.name in SHARES else "−∞",
            positions=layer.key_index if stage.kind.columns == "key" else None,
        )
        for head, matrix in layer.matrices(stage)
    )


def _columns(layer: Layer, stage: Stage, trace: Trace) -> tuple[str, ...] | None:
    """The keys of a stage's columns, with their numbers among all keys where some were left out; None for features."""
    tokens = layer.columns_of(stage)
    if tokens is None or layer.key_index is None:
        return None if tokens is None else _told_apart(tokens)
    every = _told_apart(trace[layer.name].key_tokens)
    return tuple(every[index] for index in layer.key_index)


def _told_apart(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated tokens with the number of the occurrence, the#2; in a long text pictures have indices instead."""
    return numbered(tokens) if len(tokens) <= MANY else tokens


def _blocks(trace: Trace, brief: bool, again: str | None, drawn: Trace) -> Iterator[Block]:
    names = head_names(trace)
    shown = marked(trace)
    for number, layer in enumerate(shown.layers):
        yield Heading(_text(trace, layer) if number == 0 else layer.name)
        if number == 0:
            yield Prose(origin(trace), faint=True)
        if "weights" in layer:
            offset = layer.first_query if drawn[layer.name].key_tokens == layer.key_tokens else None
            yield _summary(trace, drawn[layer.name], names, offset)
            yield from (Prose(f"note: {note}", faint=True) for note in drawn.notes if note not in trace.notes)
        if not brief and len(layer.stages) > 1:
            yield Prose(f"How it got there: {stage_map(layer)}", faint=True)
        for group in _groups(layer):
            yield Beside(tuple(tuple(_section(trace, layer, stage, names, brief)) for stage in group))
        if "weights" in layer:
            yield from _words(trace, trace[layer.name], names)
    yield from notes(trace)
    if not brief:
        yield Prose(NEXT, faint=True)
    yield from made_with(again)


def _text(trace: Trace, layer: Layer) -> str:
    """The title of the page: the text, and the layer of a checkpoint."""
    where = f"{address(layer.name)} · " if trace.source.get("kind") == "checkpoint" or len(trace.layers) > 1 else ""
    text = trace.text or "Attention"
    return where + (text if len(text) <= TITLE else f"{text[: TITLE - 1]}…")


def _summary(trace: Trace, layer: Layer, names: Names, offset: int | None) -> Picture:
    """Tokens × tokens in per cent, or as a heatmap where there are many."""
    stage = next(stage for stage in layer.stages if stage.name == "weights")
    pictures = grids(layer, stage, trace, names)
    if len(pictures) == 1:
        remarks = most_looked_at(pictures[0].values, pictures[0].columns or layer.key_tokens, offset)
        pictures = (pictures[0]._replace(remarks=remarks),)
    few = max((max(grid.values.shape) for grid in pictures), default=0) <= SUMMARY
    return Picture(pictures, "share of attention", shares=True, figures=few)


def stage_map(layer: Layer) -> str:
    """The stages of a layer in a row: X → Q K V → scores → scaled → weights → output."""
    steps: list[list[str]] = []
    before: object = None
    for stage in layer.stages:
        if stage.name in PARTS:
            continue
        suffix = stage.name.partition("_")[2] if stage.name[:1] in "QKV" and stage.name != "X" else None
        if suffix is not None and suffix == before:
            steps[-1].append(stage.name)
        else:
            steps.append([stage.name])
        before = suffix
    return " → ".join(" ".join(step) for step in steps)


def _groups(layer: Layer) -> Iterator[list[Stage]]:
    """The stages that may stand side by side: those with the same kind of columns and heads, in order."""
    group: list[Stage] = []
    for stage in layer.stages:
        alike = not group or _kind(stage) == _kind(group[-1])
        if not alike:
            yield group
            group = []
        group.append(stage)
    if group:
        yield group


def _kind(stage: Stage) -> str:
    if stage.kind.columns == "key":
        return "scores"
    return "projections" if stage.name[:1] in "QKV" else stage.name.partition("_")[0]


def _section(trace: Trace, layer: Layer, stage: Stage, names: Names, brief: bool) -> Iterator[Block]:
    """One stage: its formula, its meaning and its numbers."""
    yield Heading(_title(trace, layer, stage))
    if not brief and stage.kind.meaning:
        yield Prose(stage.kind.meaning, faint=True)
    if stage.name == "output" and _repeats(layer, stage):
        yield Prose("One head and no W_O: the same numbers as head_output.")
        return
    yield Numbers(grids(layer, stage, trace, names))


def _words(trace: Trace, layer: Layer, names: Names) -> Iterator[Block]:
    """The rows of each head in words; of many heads, of the first few."""
    yield Heading("In words")
    stage = next(stage for stage in layer.stages if stage.name == "weights")
    for index, head in enumerate(layer.head_index[:SEVERAL]):
        if layer.heads > 1:
            yield Prose(f"{head_title(trace, layer, stage, head, names)}:")
        yield from reading(layer, index)
    if len(layer.head_index) > SEVERAL:
        yield Prose(f"… and {len(layer.head_index) - SEVERAL} more heads; --head chooses some.", faint=True)


def _title(trace: Trace, layer: Layer, stage: Stage) -> str:
    stored = stage.formula in ("", "as stored")
    title = f"{stage.name}   {'×'.join(map(str, stage.array.shape))}" if stored else stage.formula
    return f"{address(layer.name)}: {title}" if len(trace.layers) > 1 else title


def _rows(stage: Stage) -> str:
    return "rows look at columns" if stage.kind.columns == "key" else "rows are tokens, columns are features"


def _repeats(layer: Layer, stage: Stage) -> bool:
    """Whether the output repeats the head_output of a single head."""
    return (
        layer.heads == 1
        and "head_output" in layer
        and np.array_equal(stage.array, layer["head_output"][0], equal_nan=True)
    )
