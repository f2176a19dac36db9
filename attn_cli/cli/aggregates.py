"""--aggregate, --drop and --color-scale: from options to the matrix that a heatmap shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_cli.cli.checkpoints import model_request
from attn_cli.cli.help.choices import require
from attn_cli.cli.inputs import request_of
from attn_cli.cli.options import (
    CheckpointOptions,
    PictureOptions,
    SelectOptions,
    ShowOptions,
    SourceOptions,
    WhatIfOptions,
)
from attn_cli.cli.results import Result, again, deliver, format_of
from attn_cli.errors import UsageError, refuse
from attn_cli.sources.explain import read, traced
from attn_cli.sources.selection import Selection
from attn_cli.trace.trace import Trace
from attn_cli.views.display import Display

if TYPE_CHECKING:
    from attn_cli.analysis.aggregation.aggregates import Method
    from attn_cli.sources.output_matrix import OutputMatrixOf


def deliver_aggregate(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    picturing: PictureOptions,
    show: ShowOptions,
    display: Display,
    *,
    tables: bool = False,
) -> None:
    """Print the chosen layers and heads as one matrix: a heatmap, with `tables` also its numbers."""
    from attn_cli.analysis.aggregation.aggregates import aggregate
    from attn_cli.analysis.aggregation.document import aggregate_csv, aggregate_document
    from attn_cli.analysis.dropping import without
    from attn_cli.analysis.heads.special import special_tokens
    from attn_cli.views.pages.aggregate import aggregate_page

    name = picturing.aggregate or ""
    method = _method(name)
    refuse("--aggregate combines weights", {"--stage": choice.stage})
    if method.signed:
        refuse(f"{name} has numbers below 0", {"--drop": picturing.drop, "--color-scale": _colored(picturing)})
    trace, writes = _gathered(source, checkpoint, change, choice, method, name)
    combined = aggregate(trace, name, writes, choice.head)
    if _colored(picturing):
        _refuse_data(show, "--color-scale")
    shown = shown_of(trace, combined.heads)
    special = special_tokens(trace)
    dropped = without(combined.matrix, combined.keys, picturing.drop, special) if picturing.drop else None
    deliver(
        Result(
            lambda: aggregate_page(shown, combined, dropped, tables=tables, again=again()),
            display,
            show,
            document=lambda: aggregate_document(trace, combined, dropped),
            table=lambda: aggregate_csv(combined, dropped),
        )
    )


def shown_of(trace: Trace, heads: Sequence[Sequence[int]]) -> Trace:
    """The trace with only the heads that were combined, for its provenance."""
    from dataclasses import replace

    layers = (layer.select(chosen, ("weights",)) for layer, chosen in zip(trace.layers, heads, strict=True))
    return replace(trace, layers=tuple(layers))


def pictured(trace: Trace, picturing: PictureOptions, show: ShowOptions, *, alone: bool = False) -> Trace | None:
    """The trace to draw instead, without the keys that --drop names; `alone` if it can draw weights alone."""
    if not picturing.drop and not _colored(picturing):
        return None
    _refuse_data(show, "--drop" if picturing.drop else "--color-scale")
    shown = {stage.name for layer in trace.layers for stage in layer.stages}
    if "weights" not in shown:
        raise UsageError("--drop and --color-scale act on weights, which are not shown", hint="add --stage weights")
    if picturing.drop and alone and shown != {"weights"}:
        raise UsageError("--drop acts on weights alone", hint="leave --stage out, or --drop")
    from attn_cli.analysis.dropping import without_keys
    from attn_cli.analysis.masked import marked

    spelled = [name for name in picturing.drop or () if name != "none"]
    return without_keys(trace, spelled) if spelled else marked(trace) if picturing.drop else None


def _colored(picturing: PictureOptions) -> bool:
    return picturing.color_scale not in (None, "linear")


def _refuse_data(show: ShowOptions, option: str) -> None:
    """Raise UsageError where the format draws no heatmap."""
    if format_of(show.format, show.json, show.output) not in ("terminal", "markdown"):
        more = "; with --aggregate, --drop acts on data too" if option == "--drop" else ""
        raise UsageError(
            f"{option} cannot act here: it changes heatmaps, and data formats hold the numbers unchanged",
            hint=f"leave {option} out{more}",
        )


def _method(name: str) -> "Method":
    from attn_cli.analysis.aggregation.aggregates import METHODS

    require("--aggregate", name, "aggregations")
    return METHODS[name]


def _gathered(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    method: "Method",
    name: str,
) -> tuple[Trace, "OutputMatrixOf"]:
    """The chosen layers with all their heads and the stages that the method needs, and their output matrices."""
    from dataclasses import replace

    if (request := model_request(source, checkpoint, change)) is not None:
        from attn_cli.models.explain import run_model
        from attn_cli.models.layer_names import layer_names
        from attn_cli.models.output_matrix import writes_of_model

        if method.needs != ("weights",):
            refuse(f"{name} needs more than weights", {"--words": request.words})
        layers = Selection(choice.layer, choice.head, layer_names(request.opened.model.architecture)).layers
        trace = run_model(request, layers=",".join(layers), stages=method.needs)
        return trace, writes_of_model(request.opened.model)
    from attn_cli.sources.output_matrix import writes_of

    text_request = request_of(source, change)
    document = read(text_request)
    trace = traced(text_request, document)
    chosen = Selection(choice.layer, choice.head, [layer.name for layer in trace.layers]).layers
    return replace(trace, layers=tuple(layer for layer in trace.layers if layer.name in chosen)), writes_of(document)
