"""From options to the trace that they ask for."""

from collections.abc import Collection
from dataclasses import replace

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


def one_head(source: SourceOptions, checkpoint: CheckpointOptions, choice: SelectOptions) -> tuple[Trace, Layer, int]:
    """The trace with all its stages, one of its layers, and one head of that.

    Without --layer or --head it is the first, and a note says so; a checkpoint needs both.
    """
    refuse("the arithmetic of a cell needs all stages", {"--stage": choice.stage})
    if (request := model_request(source, checkpoint)) is not None:
        if not choice.names_heads:
            raise UsageError("a checkpoint has many heads", hint="choose one with --head, such as --head L5.1")
        from attn_cli.models.explain import run_model

        trace = run_model(request, layers=choice.layer, heads=choice.head, stages=None)
    else:
        trace = chosen_of(request_of(source), choice, ALL_STAGES)
    layer = trace.layers[0]
    counts = ((choice.layer, len(trace.layers), "layer"), (choice.head, len(layer.head_index), "head"))
    for chosen, count, what in counts:
        if chosen is not None and count > 1:
            raise SelectionError(
                f"--{what} {chosen} names {count} {what}s, and this command explains one", hint=f"choose one {what}"
            )
        if chosen is None and count > 1:
            first = address(layer.name) if what == "layer" else f"head {layer.head_index[0]}"
            trace = replace(trace, notes=(*trace.notes, f"{first} of {count} {what}s: --{what} chooses another"))
    return trace, layer, layer.head_index[0]
