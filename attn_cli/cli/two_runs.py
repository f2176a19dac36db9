"""The two runs that `attn compare` compares, from its options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attn_cli.analysis.logits.prediction import Prediction, prediction
from attn_cli.cli.checkpoints import UNCHANGED, model_request
from attn_cli.cli.inputs import chosen_of, request_of, stages_of
from attn_cli.cli.options import CheckpointOptions, SelectOptions, SourceOptions, WhatIfOptions
from attn_cli.cli.text import is_document, read_piped
from attn_cli.errors import UsageError, did_you_mean
from attn_cli.models.next_token import Expected
from attn_cli.sources.documents.settings import PARSERS
from attn_cli.trace.trace import Trace

if TYPE_CHECKING:
    from attn_cli.models.request import ModelRequest

MODEL_STAGES = ("weights", "output")


@dataclass(frozen=True)
class RunOptions:
    """The options of one run."""

    source: SourceOptions
    checkpoint: CheckpointOptions
    choice: SelectOptions
    change: WhatIfOptions = UNCHANGED

    def model_request(self) -> "ModelRequest | None":
        """The request for its checkpoint; None without one."""
        return model_request(self.source, self.checkpoint, self.change)

    def run(self, request: "ModelRequest | None", default: tuple[str, ...]) -> tuple[Trace, Expected | None]:
        """Its trace, and the next token that it expects where --next asks for it.

        `request` is that of its checkpoint; `default` are the checkpoint's stages without --stage.
        """
        if request is None:
            return chosen_of(request_of(self.source, self.change), self.choice, stages_of(self.choice)), None
        from attn_cli.models.explain import run_to_next

        stages = stages_of(self.choice, default)
        return run_to_next(request, layers=self.choice.layer, heads=self.choice.head, stages=stages)


def _in(group: str, name: str, *, several: bool = False) -> Callable[[RunOptions, str], RunOptions]:
    """A function that sets one option of a group, or adds to an option that may be given several times."""

    def changed(run: RunOptions, value: str) -> RunOptions:
        options: Any = getattr(run, group)
        new: Any = [*(getattr(options, name) or ()), value] if several else value
        changes: Any = {group: replace(options, **{name: new})}
        return replace(run, **changes)

    return changed


WITH: Mapping[str, Callable[[RunOptions, str], RunOptions]] = MappingProxyType(
    {
        **{name: _in("source", name) for name in PARSERS},
        "temperature": _in("change", "temperature"),
        "without-token": _in("change", "without_token", several=True),
        "without-head": _in("change", "without_head", several=True),
        "set": _in("change", "put", several=True),
        "layer": _in("choice", "layer"),
        "head": _in("choice", "head"),
        "model": _in("checkpoint", "model"),
    }
)
"""The options that `--with NAME=VALUE` can change for B alone."""


@dataclass(frozen=True, eq=False)
class TwoRuns:
    """Two traces, and the next tokens that both runs expect where --next asks for them."""

    a: Trace
    b: Trace
    expected: Prediction | None


def two_runs(first: RunOptions, second_text: str | None, changes: list[str]) -> TwoRuns:
    """Run A and B: two texts or documents, or one of them under two settings.

    `changes` (NAME=VALUE) are made to B alone. Without them and without a second text, A is the run without its
    what-if options, and B the run with them.
    """
    if first.source.text is None and first.checkpoint.ids is None:
        raise UsageError("there is nothing to compare", hint='attn compare "a text" "another", or two documents')
    if (first.source.text, second_text).count("-") > 1:
        raise UsageError("A and B cannot both be standard input", hint="put one of them in a file")
    if first.checkpoint.model is not None and first.source.text == "-":
        text = read_piped(as_text=first.source.as_text)
        first = replace(first, source=replace(first.source, text=text, as_text=True))
    elif second_text is None and "-" in (first.source.text, first.source.weights):
        raise UsageError("A and B both need standard input, which is read once", hint="put it in a file")
    a = _unchanged(first) if second_text is None and not changes else first
    b = first if second_text is None else replace(first, source=replace(first.source, text=second_text))
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign or name not in WITH:
            raise UsageError(
                f"--with: {change!r} is not NAME=VALUE with a setting's name",
                hint=f"{did_you_mean(name, WITH)}NAME one of {', '.join(WITH)}",
            )
        b = WITH[name](b, value)
    if second_text is None and not changes and a == b:
        raise UsageError(
            "there is only one run to compare",
            hint='attn compare "a text" "another", or one --with mask=causal, or --without-head L0.1',
        )
    if first.checkpoint.model is None and b.checkpoint.model is None:
        a, b = (replace(run, source=_document_or_text(run.source)) for run in (a, b))
    return _run_both(a, b, MODEL_STAGES if second_text is None else ("weights",), changes)


def _run_both(a: RunOptions, b: RunOptions, default: tuple[str, ...], changes: list[str]) -> TwoRuns:
    """Run both, opening a checkpoint that they share once."""
    request_a, request_b = a.model_request(), b.model_request()
    if request_a is not None and request_b is not None:
        request_b = replace(request_b, opened=request_a.opened)
    (trace_a, expected_a), (trace_b, expected_b) = a.run(request_a, default), b.run(request_b, default)
    _refuse_overlap(trace_a, trace_b, {change.partition("=")[0] for change in changes})
    predicted = None
    if a.checkpoint.next is not None and expected_a is not None and expected_b is not None:
        predicted = prediction(expected_a, expected_b, a.checkpoint.next)
    return TwoRuns(trace_a, trace_b, predicted)


def _unchanged(run: RunOptions) -> RunOptions:
    """The run without its what-if options; --mask is one with a checkpoint, and without any other what-if option."""
    if run.checkpoint.model is None and run.change != UNCHANGED:
        return replace(run, change=UNCHANGED)
    return replace(run, change=UNCHANGED, source=replace(run.source, mask=None))


def _document_or_text(source: SourceOptions) -> SourceOptions:
    """The same source, read as a document where its text is the path of one."""
    if source.weights is None and source.text is not None and not source.as_text and is_document(source.text):
        return replace(source, text=None, weights=source.text)
    return source


def _refuse_overlap(a: Trace, b: Trace, changed: set[str]) -> None:
    """Raise UsageError where A has a layer or head that --with chose for B, so that the pairing would be ambiguous."""
    layers = [{layer.name for layer in trace.layers} for trace in (a, b)]
    heads = [{head for layer in trace.layers for head in layer.head_index} for trace in (a, b)]
    if "layer" in changed and layers[0] & layers[1]:
        shared, what = min(layers[0] & layers[1]), "layer"
    elif "head" in changed and not (layers[0] - layers[1]) and heads[0] & heads[1]:
        shared, what = f"head {min(heads[0] & heads[1])}", "head"
    else:
        return
    raise UsageError(
        f"--with {what}: A has {shared} too", hint=f"choose A's {what} with --{what}, and another one for B"
    )
