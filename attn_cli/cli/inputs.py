"""From options to a trace."""

import os
from collections.abc import Collection
from dataclasses import replace

from attn_cli.cli.checkpoints import model_request
from attn_cli.cli.options import Checkpoint, Choice, Source
from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.explain import ALL_STAGES, run
from attn_cli.sources.files import read_text
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.request import Request
from attn_cli.sources.settings import PARSERS
from attn_cli.sources.tokenizers import TOKENIZERS
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Layer, Trace

SUFFIXES = (".json", ".npz", ".npy", ".csv", ".safetensors")


def request_of(source: Source) -> Request:
    """What to run attention on; standard input is read for `-` alone."""
    if source.text == "-" and source.weights == "-":
        raise UsageError("TEXT and -w cannot both be standard input", hint="put one of them in a file")
    if source.tokenizer is not None and source.tokenizer not in TOKENIZERS:
        raise UsageError(
            f"--tokenizer: there is no {source.tokenizer!r}", hint=f"choose one of {', '.join(TOKENIZERS)}"
        )
    if source.bare not in (None, "weights", "scores"):
        raise UsageError(f"--as: {source.bare!r} is not weights or scores", hint="--as scores, or leave it out")
    if source.unknown not in (None, "random", "zero"):
        raise UsageError(
            f"--unknown: {source.unknown!r} is not random or zero", hint="--unknown random, or --unknown zero"
        )
    return Request(**vars(source) | {"text": read_text() if source.text == "-" else source.text})


def trace_of(source: Source, checkpoint: Checkpoint, choice: Choice, default: tuple[str, ...] | None = None) -> Trace:
    """The trace that the options ask for; `default` names the stages where --stage does not."""
    stages = stages_of(choice, default)
    if (request := model_request(source, checkpoint)) is not None:
        from attn_cli.models.explain import run_model

        return run_model(request, layers=choice.layer, heads=choice.head, stages=stages)
    return _chosen(request_of(source), choice, stages)


def stages_of(choice: Choice, default: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
    """The stages that --stage names, None for all."""
    named = [name.strip() for names in choice.stage or [] for name in names.split(",")]
    named = [name for asked in named for name in (PARTS if asked == "parts" else (asked,))]
    return None if "all" in named else tuple(named) or default


def two_traces(
    source: Source, checkpoint: Checkpoint, other: str | None, changes: list[str], choice: Choice
) -> tuple[Trace, Trace]:
    """The traces of two texts or documents, or of one under two settings; `changes` are of the second alone."""
    if source.text is None:
        raise UsageError("there is nothing to compare", hint='attn compare "a text" "another", or two documents')
    if other is None and not changes:
        raise UsageError(
            "there is only one to compare", hint='attn compare "a text" "another", or one --with mask=causal'
        )
    if (source.text, other).count("-") > 1:
        raise UsageError("A and B cannot both be standard input", hint="put one of them in a file")
    if checkpoint.model is not None:
        return _two_of_a_model(source, checkpoint, other, choice)
    model_request(source, checkpoint)
    one = request_of(_side(source, source.text))
    two = one if other is None else request_of(_side(source, other))
    stages = stages_of(choice)
    return _chosen(one, choice, stages), _chosen(_changed(two, changes), choice, stages)


def _two_of_a_model(source: Source, checkpoint: Checkpoint, other: str | None, choice: Choice) -> tuple[Trace, Trace]:
    """The traces of two texts under one checkpoint, the weights unless --stage says else."""
    if other is None:
        raise UsageError("--with cannot act here: a checkpoint has its own settings", hint="give a second text")
    sides = [replace(source, text=text) for text in (source.text, other)]
    one, two = (trace_of(side, checkpoint, choice, default=("weights",)) for side in sides)
    return one, two


def _side(source: Source, named: str) -> Source:
    """A document where the name is one, else a text."""
    if source.weights is None and is_document(named):
        return replace(source, text=None, weights=named)
    return replace(source, text=named)


def is_document(named: str) -> bool:
    """Whether this is a document's path and not a text: it is there, or it ends like one."""
    return named == "-" or os.path.exists(named) or os.path.splitext(named)[1].lower() in SUFFIXES


def _changed(request: Request, spelled: list[str]) -> Request:
    """The same request under other settings, each spelled NAME=VALUE."""
    for change in spelled:
        name, sign, value = change.partition("=")
        if not sign or name not in PARSERS:
            raise UsageError(f"--with: {change!r} is no setting", hint=f"NAME=VALUE, NAME one of {', '.join(PARSERS)}")
        request = Request(**vars(request) | {name: value})
    return request


def _chosen(request: Request, choice: Choice, stages: Collection[str] | None) -> Trace:
    trace = run(request, heads=choice.head, stages=stages)
    wanted = chosen_layers(choice.layer, [layer.name for layer in trace.layers])
    return replace(trace, layers=tuple(layer for layer in trace.layers if layer.name in wanted))


def one_head(source: Source, checkpoint: Checkpoint, choice: Choice) -> tuple[Trace, Layer, int]:
    """The trace with every stage there is, and one layer and head of it: those chosen, else the first, with a note."""
    if choice.stage is not None:
        raise UsageError("--stage cannot act here: the arithmetic of a cell takes all stages", hint="leave --stage out")
    if (request := model_request(source, checkpoint)) is not None:
        if choice.layer is None or choice.head is None:
            raise UsageError("a checkpoint has many heads", hint="choose one with --layer and --head")
        from attn_cli.models.explain import run_model

        trace = run_model(request, layers=choice.layer, heads=choice.head, stages=None)
    else:
        trace = _chosen(request_of(source), choice, ALL_STAGES)
    layer = trace.layers[0]
    counts = ((choice.layer, len(trace.layers), "layer"), (choice.head, len(layer.head_index), "head"))
    for chosen, count, what in counts:
        if chosen is not None and count > 1:
            raise SelectionError(
                f"--{what} {chosen} are {count} {what}s, and one is explained at a time", hint="choose one"
            )
        if chosen is None and count > 1:
            first = layer.name if what == "layer" else f"head {layer.head_index[0]}"
            trace = replace(trace, notes=(*trace.notes, f"{first} of {count}: --{what} chooses another"))
    return trace, layer, layer.head_index[0]
