"""From options to the trace that they ask for."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from attn_cli.cli.checkpoints import UNCHANGED, model_request, what_if_of
from attn_cli.cli.help.choices import require
from attn_cli.cli.options import CheckpointOptions, SelectOptions, SourceOptions, WhatIfOptions
from attn_cli.cli.text import text_of
from attn_cli.errors import SelectionError, UsageError, refuse
from attn_cli.sources.explain import ALL_STAGES, run
from attn_cli.sources.request import Request
from attn_cli.trace.addresses import address
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Layer, Trace

if TYPE_CHECKING:
    from attn_cli.sources.read import Choose, Gathered


def request_of(source: SourceOptions, change: WhatIfOptions = UNCHANGED) -> Request:
    """The request for a text or document; only a TEXT `-` reads standard input."""
    if source.text == "-" and source.weights == "-":
        raise UsageError("TEXT and -w cannot both be standard input", hint="put one of them in a file")
    require("--tokenizer", source.tokenizer, "tokenizers")
    require("--as", source.matrix_stage, "matrix_stages")
    require("--unknown", source.unknown, "unknown")
    require("--random", source.random, "random")
    options = {name: value for name, value in vars(source).items() if name != "as_text"}
    return Request(**options | {"text": text_of(source), "what_if": what_if_of(change)})


def trace_of(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    choice: SelectOptions,
    default: tuple[str, ...] | None = None,
    change: WhatIfOptions = UNCHANGED,
) -> Trace:
    """The trace that the options ask for; `default` are its stages without --stage."""
    stages = stages_of(choice, default)
    if (request := model_request(source, checkpoint, change)) is not None:
        from attn_cli.models.explain import run_model

        return run_model(request, layers=choice.layer, heads=choice.head, stages=stages)
    return chosen_of(request_of(source, change), choice, stages)


def gathered_of(
    source: SourceOptions,
    checkpoint: CheckpointOptions,
    change: WhatIfOptions,
    choice: SelectOptions,
    choose: "Choose",
) -> "Gathered":
    """The mean rows of the queries that `choose` returns, in the chosen layers and heads."""
    refuse("a text is painted by weights alone", {"--stage": choice.stage})
    if (request := model_request(source, checkpoint, change)) is not None:
        from attn_cli.models.read import read_model

        return read_model(request, choose, layers=choice.layer, heads=choice.head)
    from attn_cli.sources.read import gathered

    return gathered(request_of(source, change), choose, layers=choice.layer, heads=choice.head)


def stages_of(choice: SelectOptions, default: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
    """The stages that --stage names, `default` where it is not given, None for all of them."""
    typed = [name.strip() for names in choice.stage or [] for name in names.split(",")]
    stages = [stage for name in typed for stage in (PARTS if name == "parts" else (name,))]
    return None if "all" in stages else tuple(stages) or default


def chosen_of(request: Request, choice: SelectOptions, stages: Collection[str] | None) -> Trace:
    """The trace of a text or document, with the chosen layers, heads and stages alone.

    A note names the stages of a document that do not follow from those before them.
    """
    trace = run(request, layers=choice.layer, heads=choice.head, stages=stages)
    if request.weights is None:
        return trace
    from attn_cli.analysis.following.notes import follow_noted

    return follow_noted(trace)


def one_head(
    source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions, query: str | None, key: str | None
) -> tuple[Trace, Layer, int]:
    """The trace with all its stages, one of its layers, and one head of that.

    Where --layer or --head leaves several, it is the head that is strongest for the query, or for query and key, and a
    note says so.
    """
    refuse("the arithmetic of a cell needs all stages", {"--stage": choice.stage})
    request = model_request(source, checkpoint)
    if request is None:
        trace = chosen_of(request_of(source), choice, ALL_STAGES)
    else:
        from attn_cli.models.explain import run_model

        stages = None if choice.names_heads else ("weights",)
        trace = run_model(request, layers=choice.layer, heads=choice.head, stages=stages)
    counts = len(trace.layers), max(len(layer.head_index) for layer in trace.layers)
    for what, chosen, count in zip(("layer", "head"), (choice.layer, choice.head), counts, strict=True):
        if chosen is not None and count > 1:
            raise SelectionError(
                f"--{what} {chosen} names {count} {what}s, and this command explains one", hint=f"choose one {what}"
            )
    layer, head = trace.layers[0], trace.layers[0].head_index[0]
    if max(counts) > 1:
        from attn_cli.analysis.strongest import strongest_head

        layer, head = strongest_head(trace, query, key)
        heads = sum(len(layer.head_index) for layer in trace.layers)
        note = f"{address(layer.name, head)}, the strongest of {heads} heads for this query: --head chooses another"
        trace = replace(trace, notes=(*trace.notes, note))
    if request is None or choice.names_heads:
        return trace, layer, head
    notes = trace.notes
    trace = run_model(request, layers=layer.name, heads=str(head), stages=None)
    return replace(trace, notes=tuple(dict.fromkeys((*trace.notes, *notes)))), trace.layers[0], head
