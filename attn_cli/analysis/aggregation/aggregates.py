"""aggregate(): combines many heads and layers into one matrix, by a method of the table METHODS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from attn_cli.analysis.aggregation.contribution import contribution
from attn_cli.analysis.aggregation.effective import effective
from attn_cli.analysis.aggregation.flow import flow
from attn_cli.analysis.aggregation.gathering import Chosen, Combined
from attn_cli.analysis.aggregation.norms import norm, value_norm
from attn_cli.analysis.aggregation.rollout import rollout
from attn_cli.analysis.aggregation.spreads import largest, mean
from attn_cli.errors import SelectionError
from attn_cli.sources.output_matrix import OutputMatrixOf
from attn_cli.sources.selection import Selection
from attn_cli.trace.trace import Array, Layer, Trace


@dataclass(frozen=True)
class Method:
    """A way to combine many matrices into one: its definition and source, what its rows sum to, the stages it needs.

    `writes`: it needs W_O too. `signed`: its cells may be below 0.
    """

    combine: Callable[[Chosen], Combined]
    definition: str
    citation: str
    rows_sum_to: str
    needs: tuple[str, ...] = ("weights",)
    writes: bool = False
    signed: bool = False


_ABNAR = "Abnar & Zuidema 2020, arXiv 2005.00928"
_STEP = "Â = ½ · mean over heads of A + ½ · I, rows divided by their sums"
_ONE = "1; less where a sink takes a share or a query sees no key"

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "mean": Method(mean, "the mean of A over heads and layers", "common practice", _ONE),
        "max": Method(
            largest,
            "the largest A_ij among heads and layers",
            "common practice",
            "no fixed sum, 1 or more",
        ),
        "rollout": Method(rollout, f"R = Â_L · … · Â_1, {_STEP}", _ABNAR, "1"),
        "flow": Method(
            flow,
            f"the maximum flow from each query to each token through layers of capacity {_STEP}",
            _ABNAR,
            "no fixed sum: each cell is a separate flow problem",
        ),
        "value-norm": Method(
            value_norm,
            "A_ij · ‖v_j‖, the mean over heads and layers",
            "after Kobayashi et al. 2020, arXiv 2004.10102, without W_O",
            "no fixed sum: lengths of vectors",
            ("weights", "V"),
        ),
        "norm": Method(
            norm,
            "‖Σ_h A_ij f(x_j)‖, f(x_j) = v_j · W_O of the head, the mean over layers",
            "Kobayashi et al. 2020, arXiv 2004.10102",
            "no fixed sum: lengths of vectors (the vectors add up to the output before b_O)",
            ("weights", "V"),
            writes=True,
        ),
        "effective": Method(
            effective,
            "A minus its projection onto the left null space of T = V · W_O, the mean over heads and layers",
            "Brunner et al. 2020, arXiv 1908.04211",
            "no fixed sum, and cells may be below 0",
            ("weights", "V"),
            signed=True,
        ),
        "contribution": Method(
            contribution,
            "c = max(10⁻⁵, ‖y‖₁ − ‖y − part‖₁), divided by the sum over all parts of y, the residual stream after "
            "attention: the stream before attention, and A_ij f(x_j) of each head; summed over heads, averaged over "
            "layers",
            "Ferrando & Voita 2024, arXiv 2403.00824",
            "1 together with the residual's own share; less if heads are left out",
            ("weights", "V", "residual", "output"),
            writes=True,
        ),
    }
)
"""Every aggregation by the name that `--aggregate` takes."""


@dataclass(frozen=True, eq=False)
class Aggregate:
    """One matrix (query, key) made of many, with its method, tokens, layers, heads and remarks."""

    name: str
    method: Method
    matrix: Array
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    layers: tuple[str, ...]
    heads: tuple[tuple[int, ...], ...]
    remarks: tuple[str, ...]
    figures: Mapping[str, Any]


def aggregate(trace: Trace, name: str, writes: OutputMatrixOf, heads: str | None = None) -> Aggregate:
    """Combine the chosen heads (`0`, `0-2`, None for all) of all layers of a trace into one matrix.

    SelectionError if the trace lacks what the method needs, or its layers have different tokens.
    """
    method = METHODS[name]
    if not trace.layers:
        raise SelectionError("there is no layer to aggregate", hint="choose one with --layer")
    for layer in trace.layers:
        _refuse_missing(layer, name, writes)
    first = trace.layers[0]
    for layer in trace.layers:
        if (layer.query_tokens, layer.key_tokens) != (first.query_tokens, first.key_tokens):
            raise SelectionError(
                f"{first.name} and {layer.name} have different queries or keys",
                hint="choose layers with the same tokens, such as --layer encoder, or decoder.0",
            )
    selection = Selection(None, heads, [layer.name for layer in trace.layers])
    wanted = tuple(_wanted(layer, selection) for layer in trace.layers)
    with np.errstate(all="ignore"):  # NaN in the numbers becomes NaN in the picture
        combined = method.combine(Chosen(name, trace.layers, wanted, writes))
    return Aggregate(
        name=name,
        method=method,
        matrix=combined.matrix,
        queries=first.query_tokens,
        keys=first.key_tokens,
        layers=tuple(layer.name for layer in trace.layers),
        heads=wanted,
        remarks=combined.remarks,
        figures=combined.figures,
    )


def _wanted(layer: Layer, selection: Selection) -> tuple[int, ...]:
    """The chosen heads of a layer; SelectionError if one of them is not in it."""
    named = selection.heads(layer.name, layer.heads)
    return layer.head_index if named is None else layer.select(named, ()).head_index


def _refuse_missing(layer: Layer, name: str, writes: OutputMatrixOf) -> None:
    method = METHODS[name]
    missing = [stage for stage in method.needs if stage not in layer]
    if not missing:
        return
    if "residual" in missing:
        hint = "use a checkpoint (-m); a single attention layer has no residual stream"
        raise SelectionError(f"{name} needs the residual stream, which this input lacks", hint=hint)
    if method.writes:
        Chosen(name, (), (), writes).output_matrix(layer)  # a missing W_O comes first: no stage can replace it
    present = ", ".join(stage.name for stage in layer.stages)
    hint = f"it has {present}; explain and heatmap write it with --stage {','.join(method.needs)} --json"
    raise SelectionError(f"{name} needs {missing[0]}, which this input lacks", hint=hint)
