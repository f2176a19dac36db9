"""Record: the stages of one run, what is known so far, and which of it is kept."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from attn_cli.errors import SelectionError
from attn_cli.trace.stages import PARTS, STAGES, last_form
from attn_cli.trace.trace import Array, Stage, frozen

if TYPE_CHECKING:
    from attn_cli.core.edits import Edit

AS_STORED = "as stored"


class Record:
    """Grows by a stage at a time; a given stage is taken as it is, never computed.

    `steps` name the stages that scores go through, kept or not.
    """

    def __init__(
        self, given: Mapping[str, Array], keep: Collection[str] | None, edits: "Collection[Edit]" = ()
    ) -> None:
        self.edits = tuple(edits)
        self.given = {name: self._edited(name, array) for name, array in given.items()} if edits else given
        self.keep = keep if keep is None else {*keep, *(edit.stage for edit in edits)}
        self.known: dict[str, Array] = {}
        self.stages: list[Stage] = []
        self.steps: tuple[str, ...] = ()

    def keeps(self, *names: str) -> bool:
        """Whether any of these stages is to be held on to; parts of scores only if they are asked for."""
        if self.keep is None:
            return any(name not in PARTS for name in names)
        return any(name in self.keep for name in names)

    def add(self, name: str, array: Array, formula: str) -> Array:
        """Note a stage that was computed, and return it: edited where it is to be, and frozen, for it is ours."""
        array = self._edited(name, array)
        self.known[name] = array
        if self.keeps(name):
            self.stages.append(Stage(name, frozen(array), self._told(name, formula)))
        return array

    def take(self, name: str, given_as: str | None = None) -> bool:
        """Note a stage that was given, as it is, perhaps under another name; False if it was not."""
        if (array := self.given.get(given_as or name)) is None:
            return False
        array = self._edited(name, array)
        self.known[name] = array
        if self.keeps(name):
            formula = AS_STORED if given_as is None else f"{name} = embeddings   {by(array)}"
            self.stages.append(Stage(name, array, self._told(name, formula)))
        return True

    def check_edits(self) -> None:
        """SelectionError for an edit of a stage that this attention does not have."""
        for edit in self.edits:
            if edit.stage not in self.known:
                there = ", ".join(name for name in STAGES if name in {*self.known, *self.steps})
                raise SelectionError(f"there is no {edit.stage} here to change", hint=f"there is {there}")

    def _edited(self, name: str, array: Array) -> Array:
        mine = [edit for edit in self.edits if edit.stage == name]
        if not mine:
            return array
        from attn_cli.core.edits import edited

        return edited(array, mine)

    def _told(self, name: str, formula: str) -> str:
        """A formula, and what was changed of what it made."""
        words = [edit.words for edit in self.edits if edit.stage == name]
        if not words:
            return formula
        return "; ".join([f"{name} as stored" if formula in ("", AS_STORED) else formula, *words])

    def form(self, name: str) -> str | None:
        """The last form of Q, K or head_output that is known."""
        return last_form(name, self.known)


def by(array: Array) -> str:
    """A shape in words: 3×4."""
    return "×".join(map(str, array.shape)) or "one number"
