"""The layers of a model or trace, as users name them: `0`, `0-3`, `encoder.3`, `decoder.0.cross`."""

from collections.abc import Sequence
from difflib import get_close_matches

from attn_cli.errors import SelectionError
from attn_cli.sources.selecting import indices


def chosen_layers(spelling: str | None, names: Sequence[str]) -> list[str]:
    """The layers that a spelling names, in their order; SelectionError for one that is not there."""
    if spelling is None:
        return list(names)
    wanted: set[str] = set()
    for part in map(str.strip, spelling.split(",")):
        if part[:1].isalpha() and part != "all":
            wanted |= _named(part, names)
        else:
            places = indices(part, len(names), "layer")
            wanted |= set(names if places is None else [names[place] for place in places])
    return [name for name in names if name in wanted]


def _named(part: str, names: Sequence[str]) -> set[str]:
    """One layer by its name, with or without the word `layers`; or all of a stack."""
    short = {name.replace("layers.", ""): name for name in names}
    if part in names or part in short:
        return {short.get(part, part)}
    if stack := {name for name in names if name.startswith(f"{part}.")}:
        return stack
    near = get_close_matches(part, [*short], n=1)
    there = f"{next(iter(short))} to {list(short)[-1]}"
    raise SelectionError(
        f"there is no layer {part!r}", hint=f"did you mean {near[0]}?" if near else f"layers are {there}"
    )
