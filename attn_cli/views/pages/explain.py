"""The page of `attn explain`: the input, every stage with formula, meaning and numbers, and the weights in words."""

from collections.abc import Iterator

import numpy as np

from attn_cli.trace.trace import Layer, Stage, Trace
from attn_cli.views.page import Block, Grid, Heading, Numbers, Page, Picture, Prose
from attn_cli.views.pages.provenance import provenance
from attn_cli.views.pages.reading import reading

SHARES = ("weights", "sink_weight")


def explain_page(trace: Trace, *, brief: bool = False, again: str | None = None, drawn: Trace | None = None) -> Page:
    """Every stage of a trace in the order of the arithmetic; `brief` leaves out the explanations.

    `drawn` is the trace for the heatmap, which may lack dropped keys.
    """
    return tuple(_blocks(trace, brief, again, drawn or trace))


def heatmap_page(trace: Trace, *, again: str | None = None) -> Page:
    """One picture for each stage that the trace holds, all its heads on one color scale."""
    blocks: list[Block] = []
    for layer in trace.layers:
        for stage in layer.stages:
            blocks += [
                Heading(_title(trace, layer, stage)),
                Prose(_rows(stage), faint=True),
                Picture(grids(layer, stage)),
            ]
    return (*blocks, *provenance(trace, again))


def grids(layer: Layer, stage: Stage) -> tuple[Grid, ...]:
    """The matrices of a stage as grids, one for each head."""
    several = (layer.heads if stage.kind.heads == "query heads" else layer.kv_heads) > 1
    return tuple(
        Grid(
            values=matrix,
            rows=layer.rows_of(stage),
            columns=layer.columns_of(stage),
            title=_head(layer, stage, head) if several and head is not None else "",
            signed=stage.name not in SHARES,
        )
        for head, matrix in layer.matrices(stage)
    )


def _blocks(trace: Trace, brief: bool, again: str | None, drawn: Trace) -> Iterator[Block]:
    yield from provenance(trace, again)
    for layer in trace.layers:
        for stage in layer.stages:
            yield Heading(_title(trace, layer, stage))
            if not brief and stage.kind.meaning:
                yield Prose(stage.kind.meaning, faint=True)
            if stage.name == "output" and _repeats(layer, stage):
                yield Prose("One head and no W_O: the same numbers as head_output.")
                continue
            yield Numbers(grids(layer, stage))
            if stage.name == "weights":
                yield from _picture(drawn[layer.name])
                yield from (Prose(f"picture: {note}") for note in drawn.notes if note not in trace.notes)
        if "weights" in layer:
            yield Heading("In words")
            for sentence in reading(layer):
                yield Prose(sentence)


def _picture(layer: Layer) -> Iterator[Block]:
    yield from (Picture(grids(layer, stage)) for stage in layer.stages if stage.name == "weights")


def _title(trace: Trace, layer: Layer, stage: Stage) -> str:
    stored = stage.formula in ("", "as stored")
    title = f"{stage.name}   {'×'.join(map(str, stage.array.shape))}" if stored else stage.formula
    return f"{layer.name}: {title}" if len(trace.layers) > 1 else title


def _rows(stage: Stage) -> str:
    return "rows look at columns" if stage.kind.columns == "key" else "rows are tokens, columns are features"


def _head(layer: Layer, stage: Stage, head: int) -> str:
    if stage.kind.heads == "query heads":
        return f"head {head}"
    users = [str(i) for i in layer.head_index if layer.key_head(i) == head]
    shared = f" (of heads {', '.join(users)})" if layer.kv_heads != layer.heads else ""
    return f"key head {head}{shared}" if shared else f"head {head}"


def _repeats(layer: Layer, stage: Stage) -> bool:
    """Whether the output repeats the head_output of a single head."""
    return (
        layer.heads == 1
        and "head_output" in layer
        and np.array_equal(stage.array, layer["head_output"][0], equal_nan=True)
    )
