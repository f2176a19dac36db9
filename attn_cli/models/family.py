"""Family: a kind of checkpoint, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import StackPlan, Unembedding


@dataclass(frozen=True, eq=False)
class Architecture:
    """The architecture that a config describes: the plan of each stack, and the unembedding.

    `stacks` is one stack, or an encoder and a decoder. `unembedding` is None if the model is not a language model.
    """

    stacks: tuple[StackPlan, ...]
    unembedding: Unembedding | None = None


class Family(NamedTuple):
    """A kind of checkpoint, for the model types that `families.FILES` lists.

    `read` makes the architecture from a config; it raises DocumentError for values that attn does not compute.
    `prefixes` are the possible prefixes of tensor names; the first match is used. `harmless_keys` of the config and
    `harmless_tensors` (patterns) do not change attention.
    """

    read: Callable[[Config], Architecture]
    prefixes: tuple[str, ...] = ("model.", "")
    harmless_keys: tuple[str, ...] = ()
    harmless_tensors: tuple[str, ...] = ()
