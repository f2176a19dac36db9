"""The atlas: every head of every layer as a small picture on one screen."""

from attn_cli.trace.trace import Layer, Trace
from attn_cli.views.page import Grid, Heading, Page, Picture, Prose
from attn_cli.views.pages.provenance import provenance


def atlas_page(trace: Trace, *, again: str | None = None) -> Page:
    """The weights of all layers × heads on one color scale, and a command that zooms in."""
    grids = tuple(grid for layer in trace.layers for grid in _grids(layer))
    count = f"{len(grids)} heads" if len(grids) != 1 else "1 head"
    layers = f"{len(trace.layers)} layers" if len(trace.layers) != 1 else short(trace.layers[0].name)
    return (
        *provenance(trace, again),
        Heading(f"weights of {layers}, {count}: rows look at columns"),
        Picture(grids, meaning="share of attention"),
        Prose(f"Zoom in: add --layer {trace.layers[-1].index} --head 0", faint=True),
    )


def short(name: str) -> str:
    """A layer's name in short: layers.3 is L3, decoder.layers.0.cross is decoder.L0.cross."""
    return name.replace("layers.", "L")


def _grids(layer: Layer) -> list[Grid]:
    stage = next(stage for stage in layer.stages if stage.name == "weights")
    return [
        Grid(
            values=matrix,
            rows=layer.query_tokens,
            columns=layer.key_tokens,
            title=f"{short(layer.name)} head {head}",
            signed=False,
        )
        for head, matrix in layer.matrices(stage)
    ]
