"""The logits that each head adds at the last position: the tokens it promotes and suppresses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from attn_cli.analysis.logits.circuits import Circuit, circuits, vocabulary
from attn_cli.analysis.logits.logit_attribution import LogitAttribution, logit_attribution
from attn_cli.models.layer_names import layer_names
from attn_cli.models.model import Model
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.sources.selection import Selection
from attn_cli.trace.trace import Array

CONVENTION = (
    "direct logit attribution (Elhage et al. 2021): the head's output through W_O, the final norm and the unembedding; "
    "the final norm is frozen at its value for the whole stream, so the components add up to the logit"
)

_CROSS = Circuit(None, None, "cross-attention reads another text")


@dataclass(frozen=True)
class Promoted:
    """A token, and the amount added to its logit."""

    id: int
    token: str
    logit: float


@dataclass(frozen=True)
class Written:
    """One head at the last position: the tokens whose logits it raises and lowers most.

    `top` is the amount that it adds to the logit of the model's likeliest token.
    """

    layer: str
    head: int
    promotes: tuple[Promoted, ...]
    suppresses: tuple[Promoted, ...]
    top: float
    circuit: Circuit


@dataclass(frozen=True)
class HeadWrites:
    """All heads in order, and the components (name, logit) of the likeliest token's logit, which add up to it.

    `token` has its logit before the model's softcap.
    """

    token: Promoted
    components: tuple[tuple[str, float], ...]
    heads: tuple[Written, ...]


def writes(request: ModelRequest, *, layers: str | None = None, heads: str | None = None, count: int = 5) -> HeadWrites:
    """The logits that the chosen heads add; SelectionError for a model without unembedding or with post-norm layers."""
    model, text, target = open_request(request)
    selection = Selection(layers, heads, layer_names(model.architecture))
    request.progress("writes of heads", 0, 0)
    attribution = logit_attribution(model, text, target)
    name = request.opened.token
    top = int(attribution.logits.argmax())
    written = _heads(model, attribution, name, selection, top, count)
    components = [
        (component.name, float(attribution.unembed(component.vector[np.newaxis])[0, top]))
        for component in attribution.components
    ]
    if attribution.bias[top]:
        components.append(("bias of the unembedding", float(attribution.bias[top])))
    token = Promoted(top, name(top), float(attribution.logits[top]))
    return HeadWrites(token, tuple(components), tuple(written))


def _heads(
    model: Model,
    attribution: LogitAttribution,
    name: Callable[[int], str],
    selection: Selection,
    top: int,
    count: int,
) -> Iterator[Written]:
    stack = model.architecture.stacks[-1]
    products = vocabulary(model)
    by_layer: dict[str, list[Circuit]] = {}
    for component in attribution.components:
        layer, head = component.layer, component.head
        if layer is None or head is None or not _chosen(selection, layer, head, attribution):
            continue
        if layer not in by_layer:
            crosses = layer.endswith(".cross")
            number = int(layer.removesuffix(".cross").rpartition(".")[2])
            by_layer[layer] = [] if crosses else circuits(model, products, stack, number)
        logits = attribution.unembed(component.vector[np.newaxis])[0]
        order = np.argsort(-logits, kind="stable")
        yield Written(
            layer=layer,
            head=head,
            promotes=_tokens(name, logits, [number for number in order[:count] if logits[number] > 0]),
            suppresses=_tokens(name, logits, [number for number in order[::-1][:count] if logits[number] < 0]),
            top=float(logits[top]),
            circuit=by_layer[layer][head] if by_layer[layer] else _CROSS,
        )


def _chosen(selection: Selection, layer: str, head: int, attribution: LogitAttribution) -> bool:
    if layer not in selection.layers:
        return False
    same_layer = [c for c in attribution.components if c.layer == layer and c.head is not None]
    numbers = selection.heads(layer, len(same_layer))
    return numbers is None or head in numbers


def _tokens(name: Callable[[int], str], logits: Array, order: list[int]) -> tuple[Promoted, ...]:
    return tuple(Promoted(int(number), name(int(number)), float(logits[number])) for number in order)
