"""The layers and heads that a user chose, by number, by name or by an address such as L3.5."""

import re
from collections.abc import Sequence

from attn_cli.errors import SelectionError, UsageError
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.selecting import indices
from attn_cli.trace.addresses import address

_HEAD = r"\.-?\d+(?:--?\d+)?"
_IN_LAYERS = re.compile(rf"[LEDX]?\d+{_HEAD}", re.IGNORECASE | re.ASCII)
_IN_HEADS = re.compile(rf"(?:[LEDX]?\d+|[a-z]\w*(?:\.\w+)*){_HEAD}", re.IGNORECASE | re.ASCII)


class Selection:
    """The layers and heads that --layer and --head choose among the layers `names`.

    Both take addresses: L3.5 is head 5 of layer 3 and chooses that layer, L3.0-2 its first three heads. Other spellings
    of --head hold for every chosen layer. UsageError for a bad spelling, SelectionError for a missing layer or head.
    """

    layers: list[str]
    """The names of the chosen layers, in the order of the model."""

    def __init__(self, layers: str | None, heads: str | None, names: Sequence[str]) -> None:
        plain_layers, in_layers = _split(layers, _IN_LAYERS)
        self._plain_heads, in_heads = _split(heads, _IN_HEADS)
        self._addresses = [_read(part, names) for part in (*in_layers, *in_heads)]
        addressed = {layer for layer, _ in self._addresses}
        whole = chosen_layers(plain_layers, names)
        outside = addressed - {*whole} if in_heads and not in_layers else set()
        if outside:
            first = next(layer for layer in names if layer in outside)
            raise SelectionError(
                f"--head names {address(first)}, which --layer {layers} leaves out", hint="leave --layer out"
            )
        only_addresses = (in_heads and self._plain_heads is None) or (in_layers and plain_layers is None)
        chosen = addressed if only_addresses else {*whole, *addressed}
        self.layers = [name for name in names if name in chosen]

    def heads(self, layer: str, count: int) -> list[int] | None:
        """The indices of the chosen heads of a layer with `count` heads; None for all."""
        numbers: set[int] = set()
        spelled = [head for named, head in self._addresses if named == layer]
        for head in spelled:
            try:
                numbers |= {*(indices(head, count, "head") or ())}
            except SelectionError as error:
                raise SelectionError(f"{address(layer)}: {error.message}", hint=error.hint) from error
        if self._plain_heads is None:
            return sorted(numbers) if spelled else None
        plain = indices(self._plain_heads, count, "head")
        return None if plain is None else sorted(numbers | {*plain})


def chooses_heads(layers: str | None, heads: str | None) -> bool:
    """Whether the options choose both layers and heads, for example by an address."""
    both = layers is not None and heads is not None
    return both or bool(_split(layers, _IN_LAYERS)[1] or _split(heads, _IN_HEADS)[1])


def _split(spelled: str | None, pattern: "re.Pattern[str]") -> tuple[str | None, list[str]]:
    """The parts of a list that are not addresses, None if there are none, and the addresses."""
    parts = [] if spelled is None else [part.strip() for part in spelled.split(",")]
    plain = [part for part in parts if not pattern.fullmatch(part)]
    return ",".join(plain) if plain else None, [part for part in parts if pattern.fullmatch(part)]


def _read(part: str, names: Sequence[str]) -> tuple[str, str]:
    """The layer of an address, and the spelling of its heads."""
    spelled, _, head = part.rpartition(".")
    layers = chosen_layers(spelled, names)
    if len(layers) != 1:
        raise UsageError(
            f"{part!r}: {spelled!r} is {len(layers)} layers", hint=f"name one: {address(layers[0])}.{head}"
        )
    return layers[0], head
