"""Family: what one kind of checkpoint is, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from attn_cli.models.files.config import Config
from attn_cli.models.network.plan import StackPlan, Unembedding


@dataclass(frozen=True, eq=False)
class Architecture:
    """What a config says: what each stack computes, and how logits are made of the last one's state.

    `stacks` is one stack, or an encoder and a decoder. `unembedding` is None where the model is no language model.
    """

    stacks: tuple[StackPlan, ...]
    unembedding: Unembedding | None = None


class Family(NamedTuple):
    """A kind of checkpoint: how configs of its model types are read (families.FILES says which those are).

    `prefixes` are what tensor names may begin with, the first that fits; `harmless_keys` of the config and
    `harmless_tensors` (patterns) change nothing that attn computes.
    """

    read: Callable[[Config], Architecture]
    prefixes: tuple[str, ...] = ("model.", "")
    harmless_keys: tuple[str, ...] = ()
    harmless_tensors: tuple[str, ...] = ()
