"""Choosing one layer, one head, one token or some stages of a trace, as the command line spells them."""

from collections.abc import Iterable

from attn_cli.analysis.finding import position_of
from attn_cli.errors import SelectionError, refuse
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.selecting import indices
from attn_cli.trace.stages import PARTS
from attn_cli.trace.trace import Layer, Trace


def selection(chosen: int | str | Iterable[int] | None) -> str | None:
    """Indices as the command line spells them: 3, "0-2", [0, 5]; None for all."""
    if chosen is None or isinstance(chosen, str):
        return chosen
    return str(chosen) if isinstance(chosen, int) else ",".join(map(str, chosen))


def spelled(number: str | float | None) -> str | None:
    """A number as the command line spells it."""
    return None if number is None else str(number)


def stage_names(stage: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """The names of stages; `parts` stands for all parts of a score, None and `all` for every stage."""
    if stage is None:
        return None
    words = [stage] if isinstance(stage, str) else list(stage)
    names = [name.strip() for word in words for name in word.split(",")]
    return None if "all" in names else tuple(part for name in names for part in (PARTS if name == "parts" else (name,)))


def one_layer(trace: Trace, layer: int | str | None) -> Layer:
    """The layer with that name or index, or the only one; SelectionError where several fit."""
    names = [layer.name for layer in trace.layers]
    chosen = chosen_layers(selection(layer), names)
    if len(chosen) != 1:
        hint = f"choose one with layer=, such as layer={chosen[0]!r}" if chosen else "make a trace with a layer"
        raise SelectionError(f"the trace has {len(chosen)} layers, and one is needed", hint=hint)
    return trace.layers[names.index(chosen[0])]


def one_head(layer: Layer, head: int | None) -> int:
    """The number of a query head that the layer holds, or of its only one; SelectionError where several fit."""
    numbers = indices(selection(head), layer.heads, "head")
    held = layer.head_index if numbers is None else layer.select(numbers, ()).head_index
    if len(held) != 1:
        raise SelectionError(f"{layer.name} has {len(held)} heads, and one is needed", hint="choose one with head=0")
    return held[0]


def token_index(token: int | str, tokens: tuple[str, ...], what: str) -> int:
    """The index of a token: an index counted from either end, or the token itself (`the#2` for its second)."""
    if isinstance(token, str):
        return position_of(token, tokens, what)
    if not -len(tokens) <= token < len(tokens):
        raise SelectionError(f"there is no {what} {token}", hint=f"indices are {-len(tokens)} to {len(tokens) - 1}")
    return token % len(tokens)


def refuse_options(why: str, **options: object) -> None:
    """Raise UsageError for the first option that is set although it cannot act."""
    refuse(why, options)
