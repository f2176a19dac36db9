"""From options to a trace."""

from attn_cli.cli.options import Choice, Source
from attn_cli.errors import UsageError
from attn_cli.sources.explain import run
from attn_cli.sources.files import read_text
from attn_cli.sources.request import Request
from attn_cli.sources.selecting import indices
from attn_cli.sources.tokenizers import TOKENIZERS
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Trace


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
    named = [name.strip() for names in choice.stage or [] for name in names.split(",")]
    named = [name for asked in named for name in (PARTS if asked == "parts" else (asked,))]
    stages = None if "all" in named else named or default
    trace = run(request_of(source), heads=choice.head, stages=stages)
    wanted = indices(choice.layer, len(trace.layers), "layer")
    if wanted is None:
        return trace
    from dataclasses import replace

    return replace(trace, layers=tuple(trace.layers[place] for place in wanted))
