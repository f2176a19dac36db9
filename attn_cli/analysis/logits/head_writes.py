"""What each head writes into the logits at the last position: tokens it promotes and suppresses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.logits.circuits import NONE, Circuit, circuits, vocabulary
from attn_cli.analysis.logits.logit_attribution import Component, LogitAttribution, logit_attribution
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.selecting import indices
from attn_cli.trace.trace import Array

CONVENTION = (
    "direct logit attribution (Elhage et al. 2021): the head's output through W_O, the final norm and the unembedding; "
    "the norm divides each part by what it divides the whole by, so the parts add up to the logit"
)


@dataclass(frozen=True)
class Promoted:
    """A token, and what is added to its logit."""

    id: int
    token: str
    logit: float


@dataclass(frozen=True)
class Written:
    """One head at the last position: what it adds to the logits that it raises and lowers most.

    `top` is what it adds to the logit of the token that the model expects most.
    """

    layer: str
    head: int
    promotes: tuple[Promoted, ...]
    suppresses: tuple[Promoted, ...]
    top: float
    circuit: Circuit


@dataclass(frozen=True)
class HeadWrites:
    """All heads in their order, and the parts of the likeliest token's logit, which add up to it.

    `logit` is that of the whole run before the model's softcap; `parts` are (name, logit), heads among them.
    """

    token: Promoted
    parts: tuple[tuple[str, float], ...]
    heads: tuple[Written, ...]


def writes(request: ModelRequest, *, layers: str | None = None, heads: str | None = None, count: int = 5) -> HeadWrites:
    """What the chosen heads write; SelectionError for a model without an unembedding, or with norms in between."""
    model, text, target = open_request(request)
    wanted = chosen_layers(layers, layer_names(model.architecture))
    found = logit_attribution(model, text, target)
    name = request.opened.token
    top = int(found.logits.argmax())
    named = _heads(model, found, name, wanted, heads, top, count)
    parts = [(part.name, float(found.unembed(part.vector[np.newaxis])[0, top])) for part in found.parts]
    if found.bias[top]:
        parts.append(("bias of the unembedding", float(found.bias[top])))
    token = Promoted(top, name(top), float(found.logits[top]))
    return HeadWrites(token, tuple(parts), tuple(named))


def _heads(
    model: Model,
    found: LogitAttribution,
    name: Callable[[int], str],
    wanted: list[str],
    heads: str | None,
    top: int,
    count: int,
) -> Iterator[Written]:
    stack = model.architecture.stacks[-1]
    shared = vocabulary(model)
    own: dict[str, list[Circuit]] = {}
    for part in found.parts:
        if part.layer not in wanted or part.head is None or not _chosen(heads, part, found):
            continue
        if part.layer not in own:
            crosses = part.layer.endswith(".cross")
            number = int(part.layer.removesuffix(".cross").rpartition(".")[2])
            own[part.layer] = [] if crosses else circuits(model, shared, stack, number)
        logits = found.unembed(part.vector[np.newaxis])[0]
        order = np.argsort(-logits, kind="stable")
        yield Written(
            layer=part.layer,
            head=part.head,
            promotes=_tokens(name, logits, [number for number in order[:count] if logits[number] > 0]),
            suppresses=_tokens(name, logits, [number for number in order[::-1][:count] if logits[number] < 0]),
            top=float(logits[top]),
            circuit=own[part.layer][part.head] if own[part.layer] else NONE,
        )


def _chosen(heads: str | None, part: Component, found: LogitAttribution) -> bool:
    count = sum(other.layer == part.layer and other.head is not None for other in found.parts)
    places = indices(heads, count, "head")
    return places is None or part.head in places


def _tokens(name: Callable[[int], str], logits: Array, order: list[int]) -> tuple[Promoted, ...]:
    return tuple(Promoted(int(number), name(int(number)), float(logits[number])) for number in order)
