"""Pictures of a difference between two runs: A, B and B − A side by side, or B − A of the most different heads."""

from collections.abc import Iterator

import numpy as np

from attn_cli.analysis.compare import Difference
from attn_cli.analysis.masked import masked_cells
from attn_cli.trace.addresses import address
from attn_cli.trace.trace import Array, Layer, Trace
from attn_cli.views.page import Beside, Block, Grid, Heading, Picture, Prose
from attn_cli.views.pages.provenance import count
from attn_cli.views.pages.titles import head_name

AFTER_MASK = ("masked", "weights")
DRAWN = 6
LOST = 0.001
"""A head whose differences are smaller than this share of the largest is not drawn."""
FEW = 16
"""The most tokens for which A and B are drawn beside their difference."""


def pictures(a: Trace, b: Trace, difference: Difference, *, every: bool) -> Iterator[Block]:
    """The pictures of one stage; with `every`, of all heads that were compared."""
    grids = _grids(a, b, difference)
    drawn = grids if every else _most_different(grids)
    if len(drawn) == 1 and difference.stage.name == "weights" and max(drawn[0].values.shape) <= FEW:
        yield _side_by_side(
            a, b, difference, drawn[0], next(index for index, grid in enumerate(grids) if grid is drawn[0])
        )
        return
    yield Heading(f"{named(difference)}: B − A")
    yield Picture(drawn, meaning="B − A")
    if len(drawn) < len(grids):
        more = count(len(grids) - len(drawn), "more head")
        yield Prose(f"--stage {difference.stage.name} draws {more}, with smaller differences", faint=True)


def named(difference: Difference) -> str:
    """A stage with the address of its layer where it is not the first."""
    where = "" if difference.layer == "layers.0" else f"{address(difference.layer)} "
    return where + difference.stage.name


def _side_by_side(a: Trace, b: Trace, difference: Difference, grid: Grid, index: int) -> Beside:
    """The weights of one head in A and in B, and their difference."""
    layer = next(layer for layer in a.layers if layer.name == difference.layer)
    number = difference.heads[index] or 0
    place = layer.head_index.index(number)
    cells = np.ix_([i for i, _ in difference.rows], [i for i, _ in difference.columns or ()])
    before = np.asarray(layer["weights"][place], dtype=np.float64)[cells]
    after = before + np.where(np.isneginf(grid.values), 0, grid.values)
    shown = tuple(
        grid._replace(values=_without(values, hidden), signed=False, title=run)
        for run, values, hidden in zip("AB", (before, after), _masks(layer, b, difference), strict=True)
    )
    where = f"{grid.title}: " if grid.title else ""
    stage = difference.stage.name if where else named(difference)
    return Beside(
        (
            (Heading(f"{where}{stage} of A and B"), Picture(shown, "share of attention", shares=True)),
            (Heading(f"{where}B − A"), Picture((grid._replace(title=""),), "B − A")),
        )
    )


def _without(values: Array, hidden: Array | None) -> Array:
    """Values with −∞ in the masked cells that weigh nothing."""
    return values if hidden is None else np.where(hidden & (values == 0), -np.inf, values)


def _most_different(grids: tuple[Grid, ...]) -> tuple[Grid, ...]:
    """The heads with the largest differences, in their order, without those too small to see beside the largest."""
    sizes = [float(abs(grid.values[grid.values != -np.inf]).max(initial=0.0)) for grid in grids]
    least = sorted(sizes)[-DRAWN:][0]
    return tuple(g for g, size in zip(grids, sizes, strict=True) if size >= max(least, LOST * max(sizes)))


def _grids(a: Trace, b: Trace, difference: Difference) -> tuple[Grid, ...]:
    """B − A of each head; −∞ where both runs mask a cell."""
    layer = next(layer for layer in a.layers if layer.name == difference.layer)
    rows, columns = layer.rows_of(difference.stage), layer.columns_of(difference.stage)
    hidden = _masked_in_both(layer, b, difference)
    return tuple(
        Grid(
            values=_without(values, hidden),
            rows=tuple(rows[i] for i, _ in difference.rows),
            columns=None
            if difference.columns is None or columns is None
            else tuple(columns[i] for i, _ in difference.columns),
            title="" if head is None or len(difference.heads) == 1 else head_name(a, layer.name, head),
            signed=True,
            mask="·",
        )
        for head, values in zip(difference.heads, difference.values, strict=True)
    )


def _masked_in_both(layer: Layer, b: Trace, difference: Difference) -> Array | None:
    """The aligned cells (query, key) that both runs mask in all heads; None for a stage before the mask."""
    in_a, in_b = _masks(layer, b, difference)
    return None if in_a is None or in_b is None else np.asarray(in_a & in_b)


def _masks(layer: Layer, b: Trace, difference: Difference) -> tuple[Array | None, Array | None]:
    """The aligned cells (query, key) that all heads mask in A, and in B; None where there is no mask, or not yet."""
    if difference.columns is None or difference.stage.name not in AFTER_MASK:
        return None, None
    other = next((other for other in b.layers if other.name == layer.name), None) or b.layers[0]
    cells = zip(*difference.rows, strict=True), zip(*difference.columns, strict=True)
    in_a, in_b = (
        None if (mask := masked_cells(run)) is None else np.asarray(mask.all(axis=0))[np.ix_(rows, columns)]
        for run, rows, columns in zip((layer, other), *cells, strict=True)
    )
    return in_a, in_b
