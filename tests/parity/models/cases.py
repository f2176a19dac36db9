"""The checkpoints that are compared with transformers: a config each, small, with sizes that are no powers of two."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

GROUPS = ("first", "encoders", "pairs", "modern", "decoders")
"""The files of this folder whose CASES count."""


@dataclass(frozen=True)
class Case:
    """One checkpoint: the class in transformers that builds it, the config's keys, and what is special about it.

    `auto` is the Auto class that loads it; `dtype` is how its weights are stored; `shards` splits them over files.
    `target` gives TARGET to a decoder, `types` makes the second half of a text another segment, and `renamed` holds
    (new name, old name) pairs: parts of tensor names as older checkpoints have them. `also` are further tensors,
    and `older` keys that config.json has as older configs spell them; None takes one away.
    `ours` are keys of config.json that transformers does not read as the checkpoint means them: they are written when
    the figures have been made. `turned_last` counts the rotated features that stand last in transformers' queries and
    keys, and first in ours; `same_order` is false where it orders features another way altogether. `shifted` says that
    its scores are ours but for a number that all of a row share, which softmax forgets: such rows are compared centred.
    """

    name: str
    model_type: str
    config: dict[str, Any]
    auto: str = "AutoModelForCausalLM"
    dtype: str = "F32"
    shards: int = 1
    target: bool = False
    types: bool = False
    renamed: tuple[tuple[str, str], ...] = ()
    also: dict[str, list[int]] = field(default_factory=dict)
    older: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    turned_last: int = 0
    same_order: bool = True
    shifted: bool = False

    @property
    def shown_type(self) -> str:
        """The model type that config.json names."""
        return str(self.ours.get("model_type", self.model_type))

    def types_of(self, ids: list[int]) -> list[int] | None:
        return [int(place >= len(ids) / 2) for place in range(len(ids))] if self.types else None


def cases() -> Iterator[Case]:
    """All cases, in the order of their groups."""
    for group in GROUPS:
        yield from import_module(f"tests.parity.models.{group}").CASES


TEXTS = {
    "short": [5, 17, 3, 60, 2, 17, 9],
    "one": [11],
    "long": [(7 * place * place + 3 * place + 11) % 97 + 2 for place in range(200)],
}
"""Token ids; the configs of cases have a vocabulary of at least 101 and at least 256 positions."""

TARGET = [4, 33, 8, 71, 19, 8, 2, 90, 15, 61, 44]
"""What the decoder of an encoder–decoder is given."""

ROWS = [0, 1, 2, 5, 63, 64, 130, 199]
"""The queries whose figures are stored, where a text is long enough."""
