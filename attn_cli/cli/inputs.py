"""From options to a trace."""

import math
import os
from dataclasses import replace

from attn_cli.cli.options import Choice, Source
from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.explain import ALL_STAGES, run
from attn_cli.sources.files import read_text
from attn_cli.sources.request import Request
from attn_cli.sources.selecting import indices
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
        raise UsageError(f"--tokenizer: there is no {source.tokenizer!r}", hint=f"there is {', '.join(TOKENIZERS)}")
    if source.bare not in (None, "weights", "scores"):
        raise UsageError(f"--as: {source.bare!r} is not weights or scores", hint="--as scores, or leave it out")
    if source.unknown not in (None, "random", "zero"):
        raise UsageError(
            f"--unknown: {source.unknown!r} is not random or zero", hint="--unknown random, or --unknown zero"
        )
    return Request(**vars(source) | {"text": read_text() if source.text == "-" else source.text})


def trace_of(source: Source, choice: Choice, default: tuple[str, ...] | None = None) -> Trace:
    """The trace that the options ask for; `default` names the stages where --stage does not."""
    return _chosen(request_of(source), choice, stages_of(choice) or default)


def stages_of(choice: Choice) -> tuple[str, ...] | None:
    """The stages that --stage names, None for all."""
    named = [name.strip() for names in choice.stage or [] for name in names.split(",")]
    named = [name for asked in named for name in (PARTS if asked == "parts" else (asked,))]
    return None if "all" in named else tuple(named) or None


def two_traces(source: Source, other: str | None, changes: list[str], choice: Choice) -> tuple[Trace, Trace]:
    """The traces of two texts or documents, or of one under two settings; `changes` are of the second alone."""
    if source.text is None:
        raise UsageError("there is nothing to compare", hint='attn compare "a text" "another", or two documents')
    if other is None and not changes:
        raise UsageError("there is only one to compare", hint="give another one, or --with mask=causal")
    if (source.text, other).count("-") > 1:
        raise UsageError("A and B cannot both be standard input", hint="put one of them in a file")
    one = request_of(_side(source, source.text))
    two = one if other is None else request_of(_side(source, other))
    stages = stages_of(choice)
    return _chosen(one, choice, stages), _chosen(_changed(two, changes), choice, stages)


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


def checked_tolerance(tolerance: float) -> float:
    """A finite number from 0."""
    if not math.isfinite(tolerance) or tolerance < 0:
        raise UsageError(f"--tolerance: {tolerance} is not a number from 0", hint="such as --tolerance 1e-6")
    return tolerance


def _chosen(request: Request, choice: Choice, stages: tuple[str, ...] | None) -> Trace:
    trace = run(request, heads=choice.head, stages=stages)
    wanted = indices(choice.layer, len(trace.layers), "layer")
    if wanted is None:
        return trace
    return replace(trace, layers=tuple(trace.layers[place] for place in wanted))


def one_head(source: Source, choice: Choice) -> tuple[Trace, Layer, int]:
    """The trace with every stage there is, and one layer and head of it: those chosen, else the first, with a note."""
    trace = run(request_of(source), heads=choice.head, stages=ALL_STAGES)
    wanted = indices(choice.layer, len(trace.layers), "layer") or list(range(len(trace.layers)))
    layer = trace.layers[wanted[0]]
    for chosen, count, what in ((choice.layer, len(wanted), "layer"), (choice.head, len(layer.head_index), "head")):
        if chosen is not None and count > 1:
            raise SelectionError(
                f"--{what} {chosen} are {count} {what}s, and one is explained at a time", hint="choose one"
            )
        if chosen is None and count > 1:
            first = layer.name if what == "layer" else f"head {layer.head_index[0]}"
            trace = replace(trace, notes=(*trace.notes, f"{first} of {count}: --{what} chooses another"))
    return trace, layer, layer.head_index[0]
