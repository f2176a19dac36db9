"""The atlas: every head of every layer as a small picture, a row of pictures for each layer."""

import numpy as np

from attn_cli.analysis.dropping import resting, without_keys
from attn_cli.analysis.masked import marked
from attn_cli.analysis.profile import profiles
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.page import Atlas, AtlasRow, Block, Grid, Heading, Page, Profiles, Prose
from attn_cli.views.pages.provenance import count, made_with, notes, origin

LONG = 64
"""The longest text, in tokens, whose heads are drawn as pictures; longer ones are drawn as profiles."""


def atlas_page(trace: Trace, *, again: str | None = None, drawn: Trace | None = None, full: bool = False) -> Page:
    """The weights of all layers × heads on one color scale, or their profiles, and how to zoom in.

    `drawn` is the trace for the pictures, which may lack dropped keys. Without it, pictures of a checkpoint lack the
    first key and special tokens where those hold over half of the attention; a note says how much.
    """
    dropped = resting(trace) if drawn is None and trace.source.get("kind") == "checkpoint" else ()
    if drawn is None:
        drawn = without_keys(trace, dropped) if dropped else marked(trace)
    heads = sum(len(layer.head_index) for layer in trace.layers)
    layers = count(len(trace.layers), "layer") if len(trace.layers) != 1 else address(trace.layers[0].name)
    tokens = max((len(layer.key_tokens) for layer in trace.layers), default=0)
    pictures = full or tokens <= LONG
    what = "rows look at columns" if pictures else "attention by distance"
    return (
        Heading(f"Weights of {layers}, {count(heads, 'head')}: {what}"),
        *(_pictures(drawn) if pictures else _profiles(trace)),
        *([Prose("--drop none draws all keys", faint=True)] if dropped and pictures else []),
        Prose(f"Zoom in: add --head {address(trace.layers[-1].name, trace.layers[-1].head_index[0])}", faint=True),
        Prose(origin(trace), faint=True),
        *notes(drawn if pictures else trace),
        *made_with(again),
    )


def _pictures(drawn: Trace) -> tuple[Block, ...]:
    rows = tuple(AtlasRow(address(layer.name), tuple(_grids(layer))) for layer in drawn.layers)
    return (Atlas(rows, meaning="share of attention"),)


def _profiles(trace: Trace) -> tuple[Block, ...]:
    """A profile for each head: the attention to the first token, then by distance."""
    names: tuple[str, ...] = ()
    rows = []
    for layer in trace.layers:
        profile = profiles(layer)
        if profile is None:
            continue
        names = profile.names
        heads = zip(layer.head_index, profile.shares[:, np.newaxis], strict=True)
        grids = (Grid(shares, ("",), profile.names, title=str(head), signed=False) for head, shares in heads)
        rows.append(AtlasRow(address(layer.name), tuple(grids)))
    if not rows:
        return (Prose("Cross-attention has no profile by distance; choose a layer and a head."),)
    return (Profiles(tuple(rows), names, meaning="share of attention"),)


def _grids(layer: Layer) -> list[Grid]:
    stage = next(stage for stage in layer.stages if stage.name == "weights")
    return [
        Grid(
            values=matrix,
            rows=layer.query_tokens,
            columns=layer.key_tokens,
            title=str(head),
            signed=False,
            mask="·",
        )
        for head, matrix in layer.matrices(stage)
    ]
