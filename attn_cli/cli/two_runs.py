"""The two runs that `attn compare` compares, from what is typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from attn_cli.analysis.logits.prediction import Prediction, prediction
from attn_cli.cli.checkpoints import UNCHANGED, model_request
from attn_cli.cli.inputs import chosen_of, is_document, request_of, stages_of
from attn_cli.cli.options import CheckpointOptions, SelectOptions, SourceOptions, WhatIfOptions
from attn_cli.errors import UsageError
from attn_cli.models.next_token import Expected
from attn_cli.sources.documents.files import read_text
from attn_cli.sources.documents.settings import PARSERS
from attn_cli.trace.trace import Trace

MODEL_STAGES = ("weights", "output")


@dataclass(frozen=True)
class RunOptions:
    """What one run is made of."""

    source: SourceOptions
    checkpoint: CheckpointOptions
    choice: SelectOptions
    change: WhatIfOptions = UNCHANGED

    def run(self, default: tuple[str, ...]) -> tuple[Trace, Expected | None]:
        """Its trace, of a checkpoint the stages in `default` where --stage does not name others; what it expects."""
        request = model_request(self.source, self.checkpoint, self.change)
        if request is None:
            return chosen_of(request_of(self.source, self.change), self.choice, stages_of(self.choice)), None
        from attn_cli.models.explain import run_to_next

        stages = stages_of(self.choice, default)
        return run_to_next(request, layers=self.choice.layer, heads=self.choice.head, stages=stages)


def _in(group: str, name: str, *, several: bool = False) -> Callable[[RunOptions, str], RunOptions]:
    """What sets one option of a group, or adds to it where it may be given several times."""

    def changed(side: RunOptions, value: str) -> RunOptions:
        options: Any = getattr(side, group)
        new: Any = [*(getattr(options, name) or ()), value] if several else value
        filled: Any = {group: replace(options, **{name: new})}
        return replace(side, **filled)

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
"""What `--with NAME=VALUE` can say of B alone."""


@dataclass(frozen=True, eq=False)
class TwoRuns:
    """Two runs, and what they expect next where that was asked for."""

    a: Trace
    b: Trace
    expected: Prediction | None


def two_runs(one: RunOptions, other: str | None, spelled: list[str]) -> TwoRuns:
    """Two texts, documents, or one under two settings: `spelled` are of the second alone.

    Without either, what is changed by options is the second's alone: the first is the run before.
    """
    if one.source.text is None and one.checkpoint.ids is None:
        raise UsageError("there is nothing to compare", hint='attn compare "a text" "another", or two documents')
    if (one.source.text, other).count("-") > 1:
        raise UsageError("A and B cannot both be standard input", hint="put one of them in a file")
    if one.checkpoint.model is not None and one.source.text == "-":
        one = replace(one, source=replace(one.source, text=read_text()))
    elif other is None and "-" in (one.source.text, one.source.weights):
        raise UsageError("A and B are both made of standard input, which is read once", hint="put it in a file")
    a = one
    b = one if other is None else replace(one, source=replace(one.source, text=other))
    if other is None and not spelled:
        a = _before(one)
    for change in spelled:
        name, sign, value = change.partition("=")
        if not sign or name not in WITH:
            raise UsageError(f"--with: {change!r} is no setting", hint=f"NAME=VALUE, NAME one of {', '.join(WITH)}")
        b = WITH[name](b, value)
    if other is None and not spelled and a == b:
        raise UsageError(
            "there is only one to compare",
            hint='attn compare "a text" "another", or one --with mask=causal, or --without-head 0.1',
        )
    if one.checkpoint.model is None and b.checkpoint.model is None:
        a, b = (replace(side, source=_document_or_text(side.source)) for side in (a, b))
    default = MODEL_STAGES if other is None else ("weights",)
    (left, before), (right, after) = a.run(default), b.run(default)
    _apart(left, right, {change.partition("=")[0] for change in spelled})
    count = one.checkpoint.next
    expected = None if count is None or before is None or after is None else prediction(before, after, count)
    return TwoRuns(left, right, expected)


def _before(side: RunOptions) -> RunOptions:
    """The run before its changes; a mask counts as one for a checkpoint, and elsewhere where there is no other."""
    if side.checkpoint.model is None and side.change != UNCHANGED:
        return replace(side, change=UNCHANGED)
    return replace(side, change=UNCHANGED, source=replace(side.source, mask=None))


def _document_or_text(source: SourceOptions) -> SourceOptions:
    """A document where the name is one, else a text."""
    if source.weights is None and source.text is not None and is_document(source.text):
        return replace(source, text=None, weights=source.text)
    return source


def _apart(a: Trace, b: Trace, named: set[str]) -> None:
    """UsageError where layers or heads were chosen for B of which A has some, so that no pairs are to be told."""
    layers = [{layer.name for layer in trace.layers} for trace in (a, b)]
    heads = [{head for layer in trace.layers for head in layer.head_index} for trace in (a, b)]
    if "layer" in named and layers[0] & layers[1]:
        both, what, option = min(layers[0] & layers[1]), "layer", "--layer"
    elif "head" in named and not (layers[0] - layers[1]) and heads[0] & heads[1]:
        both, what, option = f"head {min(heads[0] & heads[1])}", "head", "--head"
    else:
        return
    raise UsageError(f"--with {what}: A has {both} too", hint=f"choose A's {what} with {option}, and another one for B")
