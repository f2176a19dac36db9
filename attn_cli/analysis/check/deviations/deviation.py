"""Deviation: one mistake, as a change of the recipe, with its name, its cause and its fix."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from attn_cli.analysis.check.computing.recipe import Recipe
from attn_cli.analysis.check.dump import Dump

Severity = Literal["fault", "remark"]
Numbers = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """A changed recipe, and the words that fill in what its deviation says."""

    recipe: Recipe
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Solved:
    """A changed recipe with `size` unknown numbers, which are read off what is stored, starting at `guesses`.

    `taken` says which numbers count: those that another deviation names are left to it.
    """

    guesses: Numbers
    recipe: Callable[[Numbers], Recipe]
    words: Callable[[Numbers], Mapping[str, str]]
    size: int = 1
    taken: Callable[[Numbers], bool] = lambda _: True


Change = Callable[[Dump, Recipe], Iterator[Variant | Solved]]


@dataclass(frozen=True, eq=False)
class Deviation:
    """A mistake that code makes in one step; words in braces are filled in where it is found.

    `step` is the step it acts in, `slot` what it changes: two of one slot are never tried together. `common` ones are
    tried in pairs; of those that fit, only the least `general` are named.
    `whole` ones need all rows at a time. A remark is no fault: the file leaves out what explains it.
    """

    code: str
    step: str
    change: Change
    what: str
    cause: str
    fix: str
    severity: Severity = "fault"
    common: bool = False
    general: int = 0
    whole: bool = False
    slot: str = ""
