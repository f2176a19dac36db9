"""The checkpoints that are compared with transformers: a config each, small, with sizes that are no powers of two."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

GROUPS = ("first",)
"""The files of this folder whose CASES count."""


@dataclass(frozen=True)
class Case:
    """One checkpoint: the class in transformers that builds it, the config's keys, and what is special about it.

    `auto` is the Auto class that loads it; `dtype` is how its weights are stored; `shards` splits them over files.
    """

    name: str
    model_type: str
    config: dict[str, Any]
    auto: str = "AutoModelForCausalLM"
    dtype: str = "F32"
    shards: int = 1
    target: bool = False


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

TARGET = [4, 33, 8, 71, 19]
"""What the decoder of an encoder–decoder is given."""

ROWS = [0, 1, 2, 5, 63, 64, 130, 199]
"""The queries whose figures are stored, where a text is long enough."""
