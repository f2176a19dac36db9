"""aggregate(): many heads and layers as one matrix."""

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from typing import Any

from attn_cli.analysis.aggregation.aggregates import METHODS, Aggregate
from attn_cli.analysis.aggregation.aggregates import aggregate as matrix_of
from attn_cli.analysis.library.selection import refuse_options, selection
from attn_cli.errors import SelectionError
from attn_cli.sources.explain import read
from attn_cli.sources.output_matrix import OutputMatrixOf, writes_of
from attn_cli.sources.request import Request
from attn_cli.trace.trace import Trace


def aggregate(
    trace: Trace,
    method: str = "mean",
    *,
    head: int | str | Iterable[int] | None = None,
    weights: str | PathLike[str] | Mapping[str, Any] | None = None,
    model: str | PathLike[str] | None = None,
) -> Aggregate:
    """One matrix (query, key) made of the attention patterns of all layers of a trace, or of some heads of each.

    `method` is "mean", "max", "rollout", "flow", "value-norm", "norm", "effective" or "contribution". `head` chooses
    heads (0, "0-2", [0, 5]), all unless given. "norm" and "contribution" need W_O, which a trace does not carry: name
    the document (`weights`) or the checkpoint (`model`) that the trace was made of.

    The result has `matrix` (float64), the tokens of its rows and columns, `method` with its definition, its paper and
    what its rows sum to, and `remarks` that belong beside the numbers. "value-norm", "norm" and "effective" need V in
    the trace, "contribution" the residual stream and the output.

    Raises SelectionError for a method or head that is not there, where a stage is missing, or where layers have
    different tokens.
    """
    if method not in METHODS:
        raise SelectionError(f"there is no aggregation {method!r}", hint=f"choose one of {', '.join(METHODS)}")
    return matrix_of(trace, method, _output_matrix(trace, weights, model), selection(head))


def _output_matrix(
    trace: Trace, weights: str | PathLike[str] | Mapping[str, Any] | None, model: str | PathLike[str] | None
) -> OutputMatrixOf:
    """W_O by layer, from what the trace was made of."""
    if model is not None:
        refuse_options("model is given", weights=weights)
        from attn_cli.models.hub import resolved
        from attn_cli.models.model import open_model
        from attn_cli.models.output_matrix import writes_of_model

        return writes_of_model(open_model(resolved(fspath(model))))
    if weights is None:
        return writes_of(trace)
    if isinstance(weights, Mapping):
        return writes_of(read(Request(weights="weights", document=dict(weights))))
    return writes_of(read(Request(weights=fspath(weights))))
