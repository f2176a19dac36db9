"""WhatIf: the changes to a run as the user spells them, and the notes that name them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attn_cli.core.spec import parse_temperature
from attn_cli.errors import SelectionError, SpecError, UsageError
from attn_cli.sources.naming import chosen_layers
from attn_cli.sources.selecting import indices

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit

SET_ROWS = "a row of weights that was set"
"""The start of the note on a set row."""


@dataclass(frozen=True)
class WhatIf:
    """Removed tokens, ablated heads (`L.H`), set cells or rows (`puts`), and a temperature.

    `mask` replaces the mask in all layers of a checkpoint; for documents the mask is an ordinary setting.
    """

    without_tokens: tuple[str, ...] = ()
    without_heads: tuple[str, ...] = ()
    puts: tuple[str, ...] = ()
    temperature: str | None = None
    mask: str | None = None

    @property
    def divisor(self) -> float | None:
        """The temperature; UsageError if it is misspelled."""
        if self.temperature is None:
            return None
        try:
            return parse_temperature(self.temperature)
        except SpecError as error:
            raise UsageError(f"--temperature: {error.message}", hint=error.hint) from error

    @property
    def notes(self) -> tuple[str, ...]:
        """One note for each kind of change."""
        spelled = {
            "what if: without the token": self.without_tokens,
            "what if: without head": self.without_heads,
            "changed:": tuple(put.replace("=", " = ", 1) for put in self.puts),
            "changed: temperature": () if self.temperature is None else (self.temperature,),
            "changed: mask": () if self.mask is None else (f"{self.mask} in every layer",),
        }
        notes = [f"{words} {', '.join(named)}" for words, named in spelled.items() if named]
        if any("weights[" in put for put in self.puts):
            notes.append(f"{SET_ROWS} sums to what it was set to, not to 1")
        return tuple(notes)

    def edits(self, layers: Sequence[str]) -> "dict[str, tuple[Edit, ...]]":
        """The edits by layer; UsageError for a bad spelling, SelectionError for a missing layer."""
        if not self.without_heads and not self.puts:
            return {}
        from attn_cli.core.edits import ZeroHead, parse_set_cell

        edits: dict[str, list[Edit]] = {}
        for spelled in (part.strip() for parts in self.without_heads for part in parts.split(",")):
            layer, dot, head = spelled.rpartition(".")
            if not dot or not head.isascii() or not head.isdigit() or len(head) > 9:
                example = f"{layers[-1].replace('layers.', '')}.0"
                raise UsageError(
                    f"--without-head: {spelled!r} does not name a head", hint=f"write LAYER.HEAD, such as {example}"
                )
            name = _layer(layer, layers, f"--without-head {spelled}")
            edits.setdefault(name, []).append(ZeroHead(int(head), spelled))
        for text in self.puts:
            named, put = parse_set_cell(text)
            if named is None and len(layers) > 1:
                raise UsageError(
                    f"--set: {put.named} is in each of {len(layers)} layers",
                    hint=f"name one: {layers[0]}.{put.named}",
                )
            name = layers[0] if named is None else _layer(named, layers, f"--set {put.named}")
            edits.setdefault(name, []).append(put)
        return {name: tuple(changes) for name, changes in edits.items()}

    def kept(self, tokens: Sequence[str], where: str = "the text") -> list[int]:
        """The indices of the remaining tokens; SelectionError for an unknown token, or if none remains."""
        removed: set[int] = set()
        for spelled in self.without_tokens:
            removed |= _occurrences(spelled, tokens, where)
        if removed and len(removed) == len(tokens):
            raise SelectionError("--without-token: no token is left", hint="leave fewer out")
        return [index for index in range(len(tokens)) if index not in removed]


def _occurrences(spelled: str, tokens: Sequence[str], where: str) -> set[int]:
    """The indices of a token, with or without its surrounding spaces; `the#2` is the second `the`."""
    for form in (lambda token: token, str.strip):
        if indices_ := [index for index, token in enumerate(tokens) if form(token) == spelled]:
            return set(indices_)
    token_text, sign, nth = spelled.rpartition("#")
    indices_ = [index for index, token in enumerate(tokens) if token_text in (token, token.strip())]
    if sign and nth.isascii() and nth.isdigit() and 0 < int(nth[:9]) <= len(indices_):
        return {indices_[int(nth) - 1]}
    listed = ", ".join(repr(token) for token in list(dict.fromkeys(tokens))[:12])
    raise SelectionError(f"--without-token: there is no token {spelled!r} in {where}", hint=f"the tokens are {listed}")


def _layer(spelled: str, layers: Sequence[str], option: str) -> str:
    """The layer of a name or number; errors begin with the option."""
    try:
        number = indices(spelled, len(layers), "layer") if spelled.isdigit() else None
        names = chosen_layers(spelled, layers) if number is None else [layers[number[0]]]
    except (SelectionError, UsageError) as error:
        raise type(error)(f"{option}: {error.message}", hint=error.hint) from error
    if len(names) != 1:
        raise SelectionError(f"{option}: {spelled!r} names {len(names)} layers", hint="name one layer at a time")
    return names[0]
