"""Read the spellings of layers: `0`, `0-3`, `encoder.3`, `decoder.0.cross`."""

import re
from collections.abc import Sequence

from attn_cli.errors import SelectionError, did_you_mean
from attn_cli.sources.selecting import indices
from attn_cli.trace.addresses import address


def chosen_layers(spelling: str | None, names: Sequence[str]) -> list[str]:
    """The names of the spelled layers, in the order of the model; SelectionError for an unknown layer."""
    if spelling is None:
        return list(names)
    chosen: set[str] = set()
    for part in map(str.strip, spelling.split(",")):
        if part[:1].isalpha() and part != "all":
            chosen |= _named(part, names)
        else:
            numbers = indices(part, len(names), "layer")
            chosen |= set(names if numbers is None else [names[number] for number in numbers])
    return [name for name in names if name in chosen]


def _named(part: str, names: Sequence[str]) -> set[str]:
    """The layer of a name, with or without `layers`, or all layers of a stack."""
    short = {name.replace("layers.", ""): name for name in names}
    addresses = {address(name): name for name in names}
    if part in names or part in short:
        return {short.get(part, part)}
    if part.upper() in addresses:
        return {addresses[part.upper()]}
    if stack := {name for name in names if name.startswith(f"{part}.")}:
        return stack
    near = "" if re.fullmatch(r"[A-Za-z]\d+", part) else did_you_mean(part, short)
    raise SelectionError(
        f"there is no layer {part!r}", hint=f"{near}layers are {address(names[0])} to {address(names[-1])}"
    )
