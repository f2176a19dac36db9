"""Zero ablation: set one head after another to zero, and measure how far the next-token prediction moves."""

from collections.abc import Callable
from dataclasses import dataclass

from attn_cli.models.explain import expectation
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.next_token import Expected, shift
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.models.tokenizers.tokenizer import Encoded
from attn_cli.models.whatif import without_head
from attn_cli.sources.selection import Selection
from attn_cli.trace.trace import Array

Progress = Callable[[int, int], None]
"""Called with the number of heads that are done, and the number of all."""


@dataclass(frozen=True)
class Ablation:
    """One head set to zero: `kl` is KL(before ‖ after) of the next token in nats (as Conmy et al. 2023).

    `log_change` is the change of the log-probability of the token that was likeliest before, in nats; `top` is the
    token that is likeliest without the head, `share` its probability.
    """

    layer: str
    head: int
    kl: float
    log_change: float
    top: str
    share: float


@dataclass(frozen=True)
class Ablations:
    """All heads, the largest KL first; `token` was likeliest before, `share` is its probability."""

    token: str
    share: float
    heads: tuple[Ablation, ...]


def ablations(
    request: ModelRequest,
    *,
    layers: str | None = None,
    heads: str | None = None,
    progress: Progress = lambda done, count: None,
) -> Ablations:
    """Set each chosen head to zero before W_O (Michel et al. 2019, arXiv 1905.10650), and run on from its layer."""
    model, text, target = open_request(request)
    token = request.opened.token
    before, streams = first_run(model, text, target, token)
    chosen = list(_heads(model, layers, heads))
    results = []
    for done, (layer, head) in enumerate(chosen):
        progress(done, len(chosen))
        without = without_head(model, layer, head)
        after = _after(without, streams.get(layer), text, target, token)
        moved = shift(before.logs, after.logs)
        top = after.likeliest(1)[0]
        results.append(Ablation(layer, head, moved.kl, moved.log_change, after.name(top), after.share(top)))
    progress(len(chosen), len(chosen))
    top = before.likeliest(1)[0]
    return Ablations(before.name(top), before.share(top), tuple(sorted(results, key=lambda result: -result.kl)))


def _heads(model: Model, layers: str | None, heads: str | None) -> list[tuple[str, int]]:
    """The chosen layers and heads, in the order in which they run."""
    names = layer_names(model.architecture)
    selection = Selection(layers, heads, names)
    counts = [
        plan.heads
        for stack in model.architecture.stacks
        for plan in stack.layers
        for _ in range(2 if plan.cross else 1)
    ]
    chosen: list[tuple[str, int]] = []
    for name, count in zip(names, counts, strict=True):
        if name in selection.layers:
            numbers = selection.heads(name, count)
            chosen += [(name, head) for head in (range(count) if numbers is None else numbers)]
    return chosen


def first_run(
    model: Model, text: Encoded, target: Encoded, token: Callable[[int], str]
) -> tuple[Expected, dict[str, tuple[int, Array]]]:
    """The prediction, and the stream (token, d_model) before each layer from which a later run can resume."""
    # A relative bias may be stored in the first layer alone, and a run that starts later would miss it.
    resumes = len(model.architecture.stacks) == 1 and all(
        plan.relative is None for plan in model.architecture.stacks[0].layers
    )
    streams: dict[str, tuple[int, Array]] = {}
    stream = model.stream(text.ids, text.tokens, ("residual",), target.ids, target.tokens, text.segments)
    while True:
        try:
            layer = next(stream)
        except StopIteration as end:
            return expectation(model, end.value, token), streams
        if resumes:
            streams[layer.name] = layer.index, layer["residual"]


def _after(
    model: Model, start: tuple[int, Array] | None, text: Encoded, target: Encoded, token: Callable[[int], str]
) -> Expected:
    """The prediction of a run that resumes at a layer, or starts from the text."""
    if start is None:
        stream = model.stream(text.ids, text.tokens, (), target.ids, target.tokens, text.segments)
    else:
        stream = model.resumed(start[1], start[0], text.tokens)
    while True:
        try:
            next(stream)
        except StopIteration as end:
            return expectation(model, end.value, token)
